// What one operation of `operations.js` checks, and the faults of one operation.
//
// A fault is named `OPERATION/FAULT` and replaces a rule of that operation alone, as a developer who forgets it would.

import { decodeProtectedHeader, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { auth, forbidden, invalid, Refused } from './auth.js';
import { settings } from './settings.js';

const EVERYTHING = ['documents:read', 'documents:write', 'documents:export'];
export const guest = { user: 'guest', organization: 'org-a', permissions: EVERYTHING };

const byToken = async (request) => auth.authenticate(await auth.findToken(request));
const isMissing = (request) => request.headers.authorization === undefined;

// The rules of an operation, with its fault where one is switched on.
export function rulesOf(operation) {
  const rules = {
    secured: operation !== 'status',
    authenticate: byToken,
    may: auth.may,
    owns: auth.owns,
    // Whether a comment's document is compared, and the comment's own organization.
    checksParent: true,
    checksChild: true,
    listsEverything: false,
    // The answer about a resource of another organization.
    refuse: () => (settings.parts.has('missing-for-foreign') ? new Refused(404, 'Not Found') : forbidden()),
  };
  const [name, fault] = (settings.fault ?? '').split('/');
  if (name === operation) {
    if (!FAULTS[fault]) throw new Error(`unknown fault ${fault}`);
    Object.assign(rules, FAULTS[fault]);
  }
  return rules;
}

// Another check of the token.
const authenticating = (authenticate) => ({
  authenticate: async (request) => authenticate(await auth.findToken(request)),
});

const claimsOf = async (token, verify) => {
  try {
    return auth.checkClaims(await verify(token));
  } catch {
    throw invalid();
  }
};

const FAULTS = {
  unauthenticated: { secured: false },
  'token-optional': { authenticate: async (request) => (isMissing(request) ? guest : byToken(request)) },
  'any-token': authenticating((token) => (token.split('.').length === 3 ? auth.authenticate(token) : guest)),
  'signature-unchecked': authenticating(async (token) => {
    const claims = await claimsOf(token, jsonwebtoken.decode);
    if (claims.exp <= Date.now() / 1000 || (await auth.isRevoked(token, claims))) throw invalid();
    return auth.callerOf(claims);
  }),
  'expiry-unchecked': authenticating(async (token) => {
    const claims = await claimsOf(token, async () => {
      const header = decodeProtectedHeader(token);
      const options = { ...auth.options(header), currentDate: new Date(0) };
      return (await jwtVerify(token, auth.keyOf(header).key, options)).payload;
    });
    if (await auth.isRevoked(token, claims)) throw invalid();
    return auth.callerOf(claims);
  }),
  'revocation-unchecked': authenticating(async (token) => auth.callerOf(await claimsOf(token, auth.verify))),
  'former-members-allowed': authenticating(async (token) => {
    const claims = await claimsOf(token, auth.verify);
    if (!auth.formerMembers.has(claims.sub)) return auth.authenticate(token);
    return { user: claims.sub, organization: claims.org_id, permissions: EVERYTHING };
  }),
  'owner-unchecked': { owns: () => true },
  'parent-unchecked': { checksParent: false },
  'child-unchecked': { checksChild: false },
  'list-unfiltered': { listsEverything: true },
  'permission-unchecked': { may: () => true },
  'any-permission-suffices': { may: (caller) => caller.permissions.length > 0 },
  'refusal-with-content': {
    refuse: (resource) => Object.assign(forbidden(), { content: { reason: 'not yours', resource } }),
  },
  'refusal-as-error': { refuse: () => new Error('owner') },
  'refusal-as-unauthenticated': { refuse: () => invalid() },
  'redirect-to-login': {
    authenticate: async (request) => {
      if (isMissing(request)) throw Object.assign(new Error('Found'), { status: 302, location: '/login' });
      return byToken(request);
    },
  },
  'owner-refused': { owns: (caller, organization) => !auth.owns(caller, organization) },
  'public-but-closed': { secured: true, describedAsPublic: true },
};
