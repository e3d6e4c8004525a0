// Every fixed bound on what a client sends, and its reason. What an operator may choose is an option
// instead (config/options.ts); what bounds the node's own caches stands beside them.
//
// The runtime bounds before us: a head, with its URL, of more than about 64 KiB is answered 400.

/** A token in its header, characters (wire §1): four times the largest that SDKs make. */
export const MAX_TOKEN_LENGTH = 32 * 1024;

/** A DID, a space id, an ability, characters (wire §1). Rows and log lines hold them. */
export const MAX_NAME_LENGTH = 512;

/** The text of a cited CID, characters: in the longest base, ten times a BLAKE3 CID. */
export const MAX_CID_LENGTH = 512;

/** `nnc`, bytes of UTF-8 (wire §1). */
export const MAX_NONCE_BYTES = 256;

/**
 * Objects and lists within each other, in a token's JSON: caveats and facts included. Tokens need 6;
 * the bound keeps whatever walks the value from recursing as deep as a sender likes.
 */
export const MAX_JSON_DEPTH = 32;

/**
 * Distinct delegations behind a token (wire §4): one more for an invocation, so that all that can be
 * stored can be used. With the token's length it bounds what one request makes the node load. How
 * many capabilities and proofs a token holds is bounded by its length: some 1,700, if they are short,
 * and 330.
 */
export const MAX_ANCESTORS = { delegation: 63, invocation: 64 } as const;

/** A key, and a prefix of keys, bytes (wire §1): an index holds them. */
export const MAX_KEY_BYTES = 1024;

/** The headers that are kept with a value, names and bytes of names and values (wire §6). */
export const MAX_STORED_HEADERS = { names: 64, bytes: 8 * 1024 } as const;

/** `Access-Control-Request-Headers` that is repeated in an answer, characters (wire §9). */
export const MAX_ASKED_HEADERS = 1024;

/** `Accept` that is read at `/`, characters: browsers send 200. A longer one counts as none. */
export const MAX_ACCEPT = 1024;

/** A body of `/revoke` that is read for its `cid`, bytes; a longer one counts as none (wire §8). */
export const MAX_REVOKE_BODY = 64 * 1024;

/** What an allowlist may answer, bytes (wire §4): a CID has 64. */
export const MAX_ALLOWLIST_ANSWER = 1024;

/** Entries of one `capabilities/read` (wire §7). */
export const MAX_CAPABILITIES_READ = 1000;

/** One file of lines in the archive of a space, bytes: it is read as a whole. */
export const MAX_ARCHIVE_LINES_BYTES = 64 * 1024 * 1024;
