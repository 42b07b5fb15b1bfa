// Authentication: the `Authorization` header field, the token, and the caller it names.

import { createPublicKey, createSecretKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { settings } from './settings.js';

export class Refused extends Error {
  constructor(status, detail, code) {
    super(detail);
    this.status = status;
    this.challenge = 'Bearer realm="artos"' + (code ? `, error="${code}"` : '');
  }
}

export const notAuthenticated = () => new Refused(401, 'Not authenticated');
export const invalid = () => new Refused(401, 'Invalid authentication credentials', 'invalid_token');
export const forbidden = () => new Refused(403, 'User has no organization or not authorized', 'insufficient_scope');

export const keyObject = (jwk) =>
  jwk.kty === 'oct' ? createSecretKey(jwk.k, 'base64url') : createPublicKey({ key: jwk, format: 'jwk' });

const isText = (value) => value == null || (typeof value === 'string' && value.length <= 256 && !/\p{Cc}/u.test(value));
const isTime = (value) => typeof value === 'number' && value >= 0 && value < 253402300800;

// Replaced by the faults, one function at a time.
export const auth = {
  keys: new Map(settings.keys.map((jwk) => [jwk.kid, { alg: jwk.alg, key: keyObject(jwk) }])),
  // Accounts that may not act: a user who has left the organization, and one that was never set up.
  formerMembers: new Set(['former-member']),
  unconfigured: new Set(['no-account']),
  leeway: 0,

  // The token of the request's `Authorization` field lines.
  bearerToken(lines) {
    const [, scheme, token] = /^(\S*) (.*)$/s.exec(lines[0] ?? '') ?? [];
    if (lines.length !== 1 || scheme?.toLowerCase() !== 'bearer' || token.trim() === '') throw notAuthenticated();
    return token;
  },

  findToken(request) {
    return auth.bearerToken(request.headersDistinct.authorization ?? []);
  },

  // The key that the token's header names; the only key for a token that names none.
  keyOf(header) {
    if (header.kid === undefined && auth.keys.size === 1) return auth.keys.values().next().value;
    const key = auth.keys.get(header.kid);
    if (!key) throw new Error('unknown key');
    return key;
  },

  // What both libraries are told.
  options(header) {
    return { algorithms: [auth.keyOf(header).alg], issuer: settings.issuer, audience: settings.audience };
  },

  // Verifies signature, times, issuer and audience.
  async verify(token) {
    // `jose` skips white space in the signature, and `jsonwebtoken` characters that are not base64url.
    if (!/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token)) throw new Error('not a compact JWS');
    const header = decodeProtectedHeader(token);
    const key = auth.keyOf(header).key;
    const options = auth.options(header);
    if (settings.parts.has('jsonwebtoken')) {
      // The library ignores `crit`.
      if (header.crit !== undefined) throw new Error('crit');
      return jsonwebtoken.verify(token, key, { ...options, clockTolerance: auth.leeway });
    }
    return (await jwtVerify(token, key, { ...options, clockTolerance: auth.leeway })).payload;
  },

  requireTime(claims) {
    if (!isTime(claims.exp)) throw new Error('exp');
  },

  checkClaims(claims) {
    auth.requireTime(claims);
    const permissions = claims.permissions ?? [];
    const isList = Array.isArray(permissions) && permissions.every((name) => typeof name === 'string');
    const texts = [claims.sub, claims.org_id, claims.jti, claims.iss];
    if (!texts.every(isText) || !(isList || typeof permissions === 'string')) throw new Error('claims');
    return claims;
  },

  async isRevoked(token, claims) {
    return (await readFile(settings.revokedFile, 'utf8')).split('\n').includes(claims.jti);
  },

  authenticatesHere: (organization) => settings.organizations.has(organization),

  // The answer to an invalid token: the same for every error.
  invalid: () => invalid(),

  callerOf(claims) {
    if (claims.org_id && !auth.authenticatesHere(claims.org_id)) throw invalid();
    const blocked = auth.unconfigured.has(claims.sub) || auth.formerMembers.has(claims.sub);
    if (!claims.sub || !claims.org_id || blocked) throw forbidden();
    const permissions = claims.permissions ?? [];
    return {
      user: claims.sub,
      organization: claims.org_id,
      permissions: typeof permissions === 'string' ? permissions.split(' ') : permissions,
    };
  },

  async authenticate(token) {
    let claims;
    try {
      claims = auth.checkClaims(await auth.verify(token));
    } catch (error) {
      throw auth.invalid(error);
    }
    if (await auth.isRevoked(token, claims)) throw invalid();
    return auth.callerOf(claims);
  },

  // The middleware before every route but the public one.
  async guard(request, response, next) {
    request.caller = await auth.authenticate(await auth.findToken(request));
    next();
  },

  owns: (caller, organization) => caller.organization === organization,
  may: (caller, permission) => caller.permissions.includes(permission),
};
