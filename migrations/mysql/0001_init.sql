-- The first schema on MySQL and MariaDB. Times are Unix seconds with fractions; hashes are hex text.
-- What is compared is VARBINARY: bytes, whatever the collations of the server, and no trailing space
-- is like another. Long texts are never compared.
--
-- Whoever changes a space, or what may be done in it, holds the lock of its row and changes it: so
-- the order of one space is the order of its commits, on every node. References between tables are
-- kept by the transactions and verified by `check`: declared ones would take more locks on that row.
--
-- The engine commits each statement by itself. After an interruption the whole file is run again:
-- what is there already is left alone.

-- Settings of all nodes that share the database, such as the fingerprint of their secret.
CREATE TABLE setting (
  name VARBINARY(255) PRIMARY KEY,
  value VARBINARY(1024) NOT NULL
) ENGINE = InnoDB;

-- Counters of all nodes together, in one row.
CREATE TABLE node (
  id SMALLINT PRIMARY KEY CHECK (id = 1),
  spaces BIGINT NOT NULL CHECK (spaces >= 0), -- rows of space
  graves BIGINT NOT NULL CHECK (graves >= 0), -- the last grave given out
  changes BIGINT NOT NULL                     -- grows with every change that holds this row's lock
) ENGINE = InnoDB;

INSERT INTO node (id, spaces, graves, changes) VALUES (1, 0, 0, 0);

-- Hosted spaces.
CREATE TABLE space (
  no BIGINT AUTO_INCREMENT PRIMARY KEY, -- by which other tables refer to it; never used again
  id VARBINARY(512) NOT NULL UNIQUE,    -- canonical space id
  owner VARBINARY(512) NOT NULL,        -- principal
  created_at DOUBLE NOT NULL,
  used BIGINT NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND 9007199254740991), -- sum of entry.held
  changes BIGINT NOT NULL DEFAULT 0,    -- grows with every change that holds this row's lock
  changed_at DOUBLE,                    -- the last put or deletion
  max_bytes BIGINT,                     -- its own limit, 0 for none; NULL: the node's
  closed VARBINARY(16) CHECK (closed IN ('blocked', 'loading', 'erasing')), -- NULL: it may be used
  INDEX space_by_owner (owner)
) ENGINE = InnoDB;

-- Everything that was accepted, with its signed bytes. The order of one space is that of `seq`,
-- restricted to what concerns it.
CREATE TABLE event (
  seq BIGINT AUTO_INCREMENT PRIMARY KEY,
  kind VARBINARY(16) NOT NULL CHECK (kind IN ('delegation', 'revocation', 'put', 'del')),
  cid VARBINARY(512) NOT NULL,
  token LONGTEXT CHARACTER SET utf8mb4 NOT NULL, -- in header form: a JWT, or padded base64url of a CACAO
  at DOUBLE NOT NULL,                   -- when it was accepted
  space_no BIGINT,                      -- put and del: the space, the key …
  "key" VARBINARY(1024),
  hash VARBINARY(64),                   -- … and for put the value
  size BIGINT,
  CHECK ((space_no IS NOT NULL AND "key" IS NOT NULL) = (kind IN ('put', 'del'))),
  CHECK ((hash IS NOT NULL AND size IS NOT NULL) = (kind = 'put'))
) ENGINE = InnoDB;

-- Accepted delegations. A row never changes.
CREATE TABLE delegation (
  position BIGINT PRIMARY KEY,          -- event.seq
  cid VARBINARY(512) NOT NULL UNIQUE,
  identity VARBINARY(512) NOT NULL,     -- the same for every encoding of the same signed content
  kind VARBINARY(16) NOT NULL CHECK (kind IN ('cacao', 'ucan')),
  delegator VARBINARY(512) NOT NULL,
  delegatee VARBINARY(512) NOT NULL,
  capabilities LONGTEXT CHARACTER SET utf8mb4 NOT NULL, -- JSON: [[resource, ability, caveated], …]
  proofs LONGTEXT CHARACTER SET utf8mb4 NOT NULL,       -- JSON: [cid, …] as cited
  parents LONGTEXT CHARACTER SET utf8mb4 NOT NULL,      -- JSON: [cid, …] those that count
  ancestors LONGTEXT CHARACTER SET utf8mb4 NOT NULL,    -- JSON: [cid, …] breadth first
  lineage LONGTEXT CHARACTER SET utf8mb4 NOT NULL,      -- JSON: [identity, …] of itself and its ancestors
  issued_at DOUBLE,
  not_before DOUBLE,
  expires_at DOUBLE,
  accepted_at DOUBLE NOT NULL,
  host SMALLINT NOT NULL CHECK (host IN (0, 1)),
  INDEX delegation_by_identity (identity), -- a revocation finds the delegations of its identity
  INDEX delegation_by_delegator (delegator) -- what rests on a delegation is by its delegatee
) ENGINE = InnoDB;

-- Where a delegation is counted and listed: each space it names, each owner of a URN it names.
CREATE TABLE delegation_scope (
  scope VARBINARY(512) NOT NULL,        -- space id or DID
  position BIGINT NOT NULL,             -- delegation.position
  delegator VARBINARY(512) NOT NULL,    -- as in delegation, for the indexes
  delegatee VARBINARY(512) NOT NULL,
  until DOUBLE NOT NULL,                -- delegation.expires_at; the largest number when it has none
  PRIMARY KEY (scope, position),
  INDEX delegation_scope_until (scope, until),
  INDEX delegation_scope_delegator_until (scope, delegator, until),
  INDEX delegation_scope_delegator (scope, delegator, position),
  INDEX delegation_scope_delegatee (scope, delegatee, position)
) ENGINE = InnoDB;

-- How many delegations of a scope were unexpired at an instant, so that no request counts them all;
-- a missing row is counted anew.
CREATE TABLE delegation_count (
  scope VARBINARY(512) NOT NULL,
  delegator VARBINARY(512) NOT NULL,    -- those of one delegator; empty: of all
  live BIGINT NOT NULL CHECK (live >= 0), -- rows of delegation_scope with until > at
  at DOUBLE NOT NULL,
  PRIMARY KEY (scope, delegator)
) ENGINE = InnoDB;

-- Revoked identities.
CREATE TABLE revocation (
  identity VARBINARY(512) PRIMARY KEY,
  seq BIGINT NOT NULL,                  -- event.seq
  target VARBINARY(512) NOT NULL,       -- cid of the delegation that the revocation named
  revoker VARBINARY(512) NOT NULL,
  revoked_at DOUBLE NOT NULL
) ENGINE = InnoDB;

-- Blocks of a space that a live key refers to, or that wait for the collector.
CREATE TABLE block (
  space_no BIGINT NOT NULL,
  hash VARBINARY(64) NOT NULL,
  size BIGINT NOT NULL,
  refs BIGINT NOT NULL CHECK (refs >= 0), -- rows of entry with this value
  grave BIGINT UNIQUE,                  -- set when the collector took it; never used again
  buried_at DOUBLE,                     -- when its deletion was reported
  PRIMARY KEY (space_no, hash),
  INDEX block_dead (refs, grave),
  INDEX block_buried (buried_at),
  CHECK (grave IS NULL OR refs = 0),
  CHECK (buried_at IS NULL OR grave IS NOT NULL)
) ENGINE = InnoDB;

-- The current value of each live key.
CREATE TABLE entry (
  space_no BIGINT NOT NULL,
  "key" VARBINARY(1024) NOT NULL,
  hash VARBINARY(64) NOT NULL,
  size BIGINT NOT NULL CHECK (size BETWEEN 0 AND 9007199254740991), -- of the value
  held BIGINT NOT NULL,                 -- value, key and stored headers
  seq BIGINT NOT NULL,                  -- the put that made it
  headers LONGTEXT CHARACTER SET utf8mb4 NOT NULL, -- JSON: [[name, value], …], one character a byte
  inline LONGBLOB,                      -- the value; NULL when it is a block
  PRIMARY KEY (space_no, "key"),
  CHECK (held >= size)
) ENGINE = InnoDB;

-- Used-up tokens.
CREATE TABLE used_token (
  guard BINARY(32) PRIMARY KEY,
  attempt VARBINARY(64) NOT NULL,       -- by which a node knows its own, after a lost connection
  expires_at DOUBLE NOT NULL,
  INDEX used_token_by_expiry (expires_at)
) ENGINE = InnoDB;

-- Work that one process does at a time.
CREATE TABLE lease (
  name VARBINARY(255) PRIMARY KEY,
  holder VARBINARY(255) NOT NULL,
  until DOUBLE NOT NULL
) ENGINE = InnoDB;
