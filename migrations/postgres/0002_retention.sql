-- What `retention.events` looks up. Puts pay nothing for it.

-- Whether a later deletion has replaced an event of a key that is not there any more.
CREATE INDEX event_deletion ON event (space_no, "key") WHERE kind = 'del';

-- The scopes of a delegation that is removed.
CREATE INDEX delegation_scope_position ON delegation_scope (position);
