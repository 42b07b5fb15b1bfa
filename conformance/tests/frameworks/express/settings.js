// Settings of the service, from environment variables.

import { readFileSync } from 'node:fs';

const env = process.env;

export const settings = {
  // The verification keys: a JWK Set, or a set with one shared secret.
  keys: JSON.parse(readFileSync(env.SERVICE_KEYS, 'utf8')).keys,
  issuer: env.SERVICE_ISSUER,
  audience: env.SERVICE_AUDIENCE,
  // The organizations whose tokens authenticate at this deployment.
  organizations: new Set(env.SERVICE_ORGANIZATIONS.split(',')),
  // Ids of revoked tokens, one per line.
  revokedFile: env.SERVICE_REVOKED,
  // Optional parts of the application: `cors`, `compression`, `jsonwebtoken`, ….
  parts: new Set((env.SERVICE_PARTS ?? '').split(',').filter(Boolean)),
  // A fault of `faults.js` to switch on.
  fault: env.SERVICE_FAULT,
  port: Number(env.SERVICE_PORT),
};
