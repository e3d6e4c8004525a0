-- The first schema of the SQLite store. Times are Unix seconds with fractions; hashes are hex text;
-- text compares as bytes (BINARY), which for UTF-8 is the order of its code points.

-- Settings of the whole node, such as the fingerprint of its secret.
CREATE TABLE setting (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Counters of the whole node, in one row, so that no request has to count.
CREATE TABLE node (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  used INTEGER NOT NULL CHECK (used BETWEEN 0 AND 9007199254740991), -- sum of space.used
  spaces INTEGER NOT NULL CHECK (spaces >= 0),                       -- rows of space
  graves INTEGER NOT NULL CHECK (graves >= 0)                        -- the last grave given out
) STRICT;

INSERT INTO node (id, used, spaces, graves) VALUES (1, 0, 0, 0);

-- Hosted spaces.
CREATE TABLE space (
  no INTEGER PRIMARY KEY AUTOINCREMENT, -- by which other tables refer to it; never used again
  id TEXT NOT NULL UNIQUE,      -- canonical space id
  owner TEXT NOT NULL,          -- principal
  created_at REAL NOT NULL,
  used INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND 9007199254740991), -- sum of entry.held
  changes INTEGER NOT NULL DEFAULT 0, -- grows with every put and deletion
  changed_at REAL,              -- the last of them
  max_bytes INTEGER,            -- its own limit, 0 for none; NULL: the node's
  closed TEXT CHECK (closed IN ('blocked', 'loading', 'erasing')) -- NULL: it may be used
) STRICT;

CREATE INDEX space_by_owner ON space (owner);

-- Everything that was accepted, with its signed bytes, in the order of its commits. The order of
-- one space is this order, restricted to what concerns it.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('delegation', 'revocation', 'put', 'del')),
  cid TEXT NOT NULL,
  token TEXT NOT NULL,          -- in header form: a JWT, or padded base64url of a CACAO
  at REAL NOT NULL,             -- when it was accepted
  space_no INTEGER REFERENCES space (no),      -- put and del: the space, the key …
  key TEXT,
  hash TEXT,                    -- … and for put the value
  size INTEGER,
  CHECK ((space_no IS NOT NULL AND key IS NOT NULL) = (kind IN ('put', 'del'))),
  CHECK ((hash IS NOT NULL AND size IS NOT NULL) = (kind = 'put'))
) STRICT;

-- Accepted delegations. A row never changes.
CREATE TABLE delegation (
  position INTEGER PRIMARY KEY REFERENCES event (seq),
  cid TEXT NOT NULL UNIQUE,
  identity TEXT NOT NULL,       -- the same for every encoding of the same signed content
  kind TEXT NOT NULL CHECK (kind IN ('cacao', 'ucan')),
  delegator TEXT NOT NULL,
  delegatee TEXT NOT NULL,
  capabilities TEXT NOT NULL,   -- JSON: [[resource, ability, caveated], …]
  proofs TEXT NOT NULL,         -- JSON: [cid, …] as cited
  parents TEXT NOT NULL,        -- JSON: [cid, …] those that count
  ancestors TEXT NOT NULL,      -- JSON: [cid, …] breadth first
  lineage TEXT NOT NULL,        -- JSON: [identity, …] of itself and its ancestors
  issued_at REAL,
  not_before REAL,
  expires_at REAL,
  accepted_at REAL NOT NULL,
  host INTEGER NOT NULL CHECK (host IN (0, 1))
) STRICT;

-- What rests on a delegation is by its delegatee: asked before one is removed.
CREATE INDEX delegation_by_delegator ON delegation (delegator);

-- Where a delegation is counted and listed: each space it names, each owner of a URN it names.
CREATE TABLE delegation_scope (
  scope TEXT NOT NULL,          -- space id or DID
  position INTEGER NOT NULL REFERENCES delegation (position),
  delegator TEXT NOT NULL,      -- as in delegation, for the indexes
  delegatee TEXT NOT NULL,
  until REAL NOT NULL,          -- delegation.expires_at; infinite when it has none
  PRIMARY KEY (scope, position)
) STRICT, WITHOUT ROWID;

-- Counts of what is unexpired.
CREATE INDEX delegation_scope_until ON delegation_scope (scope, until);
CREATE INDEX delegation_scope_delegator_until ON delegation_scope (scope, delegator, until);
-- Lists, newest first, that can skip what is expired without looking elsewhere.
CREATE INDEX delegation_scope_newest ON delegation_scope (scope, position, until);
CREATE INDEX delegation_scope_delegator ON delegation_scope (scope, delegator, position, until);
CREATE INDEX delegation_scope_delegatee ON delegation_scope (scope, delegatee, position, until);

-- How many delegations of a scope were unexpired at an instant, so that no request counts them all;
-- a missing row is counted anew.
CREATE TABLE delegation_count (
  scope TEXT NOT NULL,
  delegator TEXT NOT NULL,      -- those of one delegator; empty: of all
  live INTEGER NOT NULL CHECK (live >= 0), -- rows of delegation_scope with until > at
  at REAL NOT NULL,
  PRIMARY KEY (scope, delegator)
) STRICT, WITHOUT ROWID;

-- Revoked identities.
CREATE TABLE revocation (
  identity TEXT PRIMARY KEY,
  seq INTEGER NOT NULL REFERENCES event (seq),
  target TEXT NOT NULL,         -- cid of the delegation that the revocation named
  revoker TEXT NOT NULL,
  revoked_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- Blocks of a space that a live key refers to, or that wait for the collector.
CREATE TABLE block (
  space_no INTEGER NOT NULL REFERENCES space (no),
  hash TEXT NOT NULL,
  size INTEGER NOT NULL,
  refs INTEGER NOT NULL CHECK (refs >= 0), -- rows of entry with this value
  grave INTEGER,                -- set when the collector took it; the number is never used again
  buried_at REAL,               -- when its deletion was reported
  PRIMARY KEY (space_no, hash),
  CHECK (grave IS NULL OR refs = 0),
  CHECK (buried_at IS NULL OR grave IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX block_by_grave ON block (grave) WHERE grave IS NOT NULL;
CREATE INDEX block_dead ON block (space_no, hash) WHERE refs = 0 AND grave IS NULL;
CREATE INDEX block_unburied ON block (grave) WHERE grave IS NOT NULL AND buried_at IS NULL;
CREATE INDEX block_buried ON block (buried_at) WHERE buried_at IS NOT NULL;

-- The current value of each live key.
CREATE TABLE entry (
  id INTEGER PRIMARY KEY,
  space_no INTEGER NOT NULL REFERENCES space (no),
  key TEXT NOT NULL,
  hash TEXT NOT NULL,
  size INTEGER NOT NULL CHECK (size BETWEEN 0 AND 9007199254740991), -- of the value
  held INTEGER NOT NULL CHECK (held >= size), -- value, key and stored headers
  seq INTEGER NOT NULL REFERENCES event (seq), -- the put that made it
  headers TEXT NOT NULL,        -- JSON: [[name, value], …], one character a byte
  inline BLOB                   -- the value; NULL when it is a block
) STRICT;

-- Also all that a list reads.
CREATE UNIQUE INDEX entry_by_key ON entry (space_no, key);

-- Used-up tokens.
CREATE TABLE used_token (
  guard BLOB PRIMARY KEY,
  expires_at REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX used_token_by_expiry ON used_token (expires_at);

-- Work that one process does at a time.
CREATE TABLE lease (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  until REAL NOT NULL
) STRICT, WITHOUT ROWID;
