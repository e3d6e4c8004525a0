-- What `retention.events` looks up.

-- Whether a later deletion has replaced an event of a key that is not there any more. Kinds first:
-- an index that holds deletions alone is not to be had here.
CREATE INDEX event_deletion ON event (kind, space_no, "key");

-- The scopes of a delegation that is removed.
CREATE INDEX delegation_scope_position ON delegation_scope (position);
