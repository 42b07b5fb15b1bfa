// Faults that developers make in services like this one, one at a time.
//
// A fault replaces a function of the service by the faulty one, or adds middleware before everything else.

import { createHmac, createPublicKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import express from 'express';
import { decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { auth, forbidden, invalid, keyObject, notAuthenticated, Refused } from './auth.js';
import { DOCUMENTS, PUBLIC, service, TEMPLATES } from './service.js';
import { settings } from './settings.js';

// Switches a fault on, before the routes are added to the application.
export function switchOn(name, app) {
  const fault = FAULTS[name];
  if (!fault) throw new Error(`unknown fault ${name}`);
  fault(app);
}

const lineOf = (request) => request.headers.authorization ?? '';
const right = { ...auth, service: { ...service } };

// Reads the token elsewhere first.
const alsoFrom = (find) => () => {
  auth.findToken = (request) => find(request) ?? right.findToken(request);
};

// Reads the token out of the field in another way; nothing found is a missing token.
const fromLine = (find) => () => {
  auth.findToken = (request) => {
    const token = find(lineOf(request));
    if (!token) throw notAuthenticated();
    return token;
  };
};

// Other options for the library.
const options = (change) => () => {
  auth.options = (header) => ({ ...right.options(header), ...change });
};

// Lets a request through as the first organization's.
const skipWhen = (when) => () => {
  auth.guard = async (request, response, next) => {
    if (!when(request)) return right.guard(request, response, next);
    request.caller = { user: 'internal', organization: 'org-a', permissions: [] };
    next();
  };
};

const organizationFrom = (find) => () => {
  auth.guard = async (request, response, next) => {
    request.caller = await auth.authenticate(auth.findToken(request));
    request.caller.organization = find(request) ?? request.caller.organization;
    next();
  };
};

const withoutOwner = (request, response, next) => {
  request.document = DOCUMENTS.get(request.params.id);
  next();
};

const FAULTS = {
  // --- where the token is read from
  'query-token': alsoFrom((request) => request.query.access_token),
  'cookie-token': alsoFrom((request) => /(?:^|; )(?:access_token|token)=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]),
  'header-token': alsoFrom((request) => request.headers['x-access-token']),
  'body-token': (app) => {
    app.use(express.json(), express.urlencoded());
    alsoFrom((request) => request.body?.access_token)();
  },
  'any-scheme': fromLine((line) => line.split(' ')[1]),
  'scheme-optional': fromLine((line) => line.replace(/^Bearer /, '')),
  'bearer-anywhere': fromLine((line) => /Bearer (\S+)/.exec(line)?.[1]),
  'trailing-words-ignored': fromLine((line) => (line.toLowerCase().startsWith('bearer ') ? line.split(/\s+/)[1] : null)),
  'quotes-stripped': () => {
    auth.findToken = (request) => right.findToken(request).replace(/["',;]/g, '');
  },
  'first-line-wins': () => {
    auth.findToken = (request) => auth.bearerToken(request.headers.authorization ? [request.headers.authorization] : []);
  },
  'last-line-wins': () => {
    auth.findToken = (request) => auth.bearerToken((request.headersDistinct.authorization ?? []).slice(-1));
  },
  'placeholder-token': () => {
    auth.authenticate = async (token) =>
      ['null', 'undefined', 'None', '[object Object]'].includes(token)
        ? { user: 'guest', organization: 'org-a', permissions: [] }
        : right.authenticate(token);
  },

  // --- what the token is checked for
  'signature-unchecked': () => {
    auth.verify = async (token) => {
      const claims = jsonwebtoken.decode(token);
      if (claims.exp <= Date.now() / 1000) throw new Error('expired');
      return claims;
    };
  },
  'algorithm-none': () => {
    auth.verify = async (token) =>
      decodeProtectedHeader(token).alg?.toLowerCase() === 'none' ? decodeJwt(token) : right.verify(token);
  },
  'public-key-as-secret': () => {
    auth.verify = async (token) => {
      const header = decodeProtectedHeader(token);
      if (header.alg !== 'HS256') return right.verify(token);
      const pem = auth.keyOf(header).key.export({ type: 'spki', format: 'pem' });
      const [first, second, signature] = token.split('.');
      const mac = createHmac('sha256', pem).update(`${first}.${second}`).digest('base64url');
      if (mac !== signature) throw new Error('signature');
      return decodeJwt(token);
    };
  },
  'embedded-key': () => {
    auth.keyOf = (header) =>
      header.jwk ? { alg: header.alg, key: createPublicKey({ key: header.jwk, format: 'jwk' }) } : right.keyOf(header);
  },
  'critical-ignored': () => {
    // The library ignores it by itself.
    auth.verify = async (token) => {
      const header = decodeProtectedHeader(token);
      return jsonwebtoken.verify(token, auth.keyOf(header).key, auth.options(header));
    };
  },
  'expiry-unchecked': () => {
    auth.verify = async (token) => {
      const header = decodeProtectedHeader(token);
      return jsonwebtoken.verify(token, auth.keyOf(header).key, { ...auth.options(header), ignoreExpiration: true });
    };
  },
  'leeway-of-five-minutes': () => {
    auth.leeway = 300;
  },
  'leeway-of-a-minute': () => {
    auth.leeway = 60;
  },
  'expiry-optional': () => {
    auth.requireTime = () => {};
  },
  'expiry-as-string': () => {
    auth.requireTime = () => {};
    auth.verify = async (token) => {
      const header = decodeProtectedHeader(token);
      const claims = jsonwebtoken.verify(token, auth.keyOf(header).key, {
        ...auth.options(header),
        ignoreExpiration: true,
      });
      if (!(Number(claims.exp) > Date.now() / 1000)) throw new Error('expired');
      return claims;
    };
  },
  'not-before-unchecked': () => {
    auth.verify = async (token) => {
      const header = decodeProtectedHeader(token);
      return jsonwebtoken.verify(token, auth.keyOf(header).key, { ...auth.options(header), ignoreNotBefore: true });
    };
  },
  'issuer-unchecked': options({ issuer: undefined }),
  'issuer-by-prefix': () => {
    options({ issuer: undefined })();
    auth.verify = async (token) => {
      const claims = await right.verify(token);
      if (!String(claims.iss).startsWith(settings.issuer)) throw new Error('issuer');
      return claims;
    };
  },
  'audience-unchecked': options({ audience: undefined }),
  'audience-optional': () => {
    auth.verify = async (token) => {
      const header = decodeProtectedHeader(token);
      const audience = decodeJwt(token).aud === undefined ? undefined : settings.audience;
      return (await jwtVerify(token, auth.keyOf(header).key, { ...auth.options(header), audience })).payload;
    };
  },
  'environment-unchecked': () => {
    const { keys } = JSON.parse(readFileSync(process.env.SERVICE_STAGING_KEYS, 'utf8'));
    auth.keys = new Map(keys.map((jwk) => [jwk.kid, { alg: jwk.alg, key: keyObject(jwk) }]));
    options({ issuer: undefined, audience: undefined })();
  },
  'realm-unchecked': () => {
    auth.authenticatesHere = () => true;
  },
  'revocation-unchecked': () => {
    auth.isRevoked = async () => false;
  },
  'revocation-by-text': () => {
    // Another spelling of the same token is not among the revoked.
    const revoked = readFileSync(process.env.SERVICE_REVOKED_TEXTS, 'utf8').split('\n');
    auth.isRevoked = async (token) => revoked.includes(token);
    // Padding is stripped, as lenient base64url decoders do.
    auth.verify = (token) => right.verify(token.replaceAll('=', ''));
  },
  'verified-tokens-cached': () => {
    const kept = new Map();
    auth.authenticate = async (token) => {
      if (!kept.has(token)) kept.set(token, await right.authenticate(token));
      return { ...kept.get(token) };
    };
  },

  // --- who may do what
  'organization-missing': () => {
    auth.callerOf = (claims) => right.callerOf({ ...claims, org_id: claims.org_id || 'org-a' });
  },
  'former-members-allowed': () => {
    auth.formerMembers = new Set();
  },
  'owner-unchecked': () => {
    service.owned = withoutOwner;
  },
  'owner-unchecked-on-write': () => {
    service.owned = (request, response, next) =>
      (request.method !== 'GET' ? withoutOwner : right.service.owned)(request, response, next);
  },
  'owner-by-substring': () => {
    auth.owns = (caller, organization) => caller.organization.includes(organization);
    auth.authenticatesHere = (organization) => [...settings.organizations].some((name) => organization.includes(name));
  },
  'owner-case-folded': () => {
    auth.owns = (caller, organization) => caller.organization.toLowerCase() === organization.toLowerCase();
    auth.authenticatesHere = (organization) => settings.organizations.has(organization.toLowerCase());
  },
  'owner-by-raw-path': () => {
    // The router decodes the parameter; the check compares the path as received.
    const owners = new Map([...DOCUMENTS.values()].map((document) => [`/api/v1/documents/${document.id}`, document]));
    service.owned = (request, response, next) => {
      const document = owners.get(request.originalUrl.split('?')[0]);
      if (document && !auth.owns(request.caller, document.organization)) throw forbidden();
      withoutOwner(request, response, next);
    };
  },
  'organization-from-header': organizationFrom((request) => request.get('X-Org-Id')),
  'organization-from-query': organizationFrom((request) => request.query.org_id),
  'list-unfiltered': () => {
    // What a query without `WHERE organization = …` gives.
    service.visible = () => [...TEMPLATES, ...DOCUMENTS.values()];
  },
  'permission-unchecked': () => {
    auth.may = () => true;
  },
  'permission-by-prefix': () => {
    auth.may = (caller, permission) => caller.permissions.some((name) => name.startsWith(permission));
  },
  'permission-case-folded': () => {
    auth.may = (caller, permission) => caller.permissions.some((name) => name.toLowerCase() === permission.toLowerCase());
  },

  // --- what is guarded at all
  'route-forgotten': (app) => {
    app.get('/api/v1/documents/:id', (request, response) => response.json(DOCUMENTS.get(request.params.id)));
  },
  'head-unguarded': skipWhen((request) => request.method === 'HEAD'),
  'public-path-in-url': skipWhen((request) => request.originalUrl.includes(PUBLIC)),
  'original-url-trusted': skipWhen((request) => request.get('X-Original-URL') === PUBLIC),
  'forwarded-for-trusted': (app) => {
    app.set('trust proxy', true);
    skipWhen((request) => request.get('X-Forwarded-For') && request.ip === '127.0.0.1')();
  },
  'method-override': skipWhen((request) => (request.get('X-HTTP-Method-Override') ?? request.method) === 'OPTIONS'),
  'preflight-with-data': (app) => {
    app.use((request, response, next) => {
      const method = request.get('Access-Control-Request-Method');
      if (request.method === 'OPTIONS' && method) request.method = method;
      next();
    });
    skipWhen((request) => request.get('Access-Control-Request-Method'))();
  },
  'guard-by-raw-path': skipWhen(
    // The router folds letter case, and takes a path with and without a slash at its end.
    (request) => !/^\/api\/v1\/(templates\/|documents\/)/.test(request.originalUrl),
  ),
  'public-refuses-bad-token': (app) => {
    app.use(PUBLIC, (request, response, next) =>
      request.headers.authorization ? auth.guard(request, response, next) : next(),
    );
  },

  // --- what is answered
  'missing-is-403': () => {
    auth.findToken = (request) => {
      if (!request.headers.authorization) throw new Refused(403, 'Not authenticated');
      return right.findToken(request);
    };
  },
  'missing-redirects': (app) => {
    app.use((request, response, next) =>
      request.headers.authorization || request.path === PUBLIC ? next() : response.redirect('/login'),
    );
  },
  'plain-text-denial': () => {
    service.refuse = (error, request, response, next) => response.status(error.status ?? 500).send(error.message);
  },
  'detail-says-why': () => {
    auth.invalid = (error) => (error.code === 'ERR_JWT_EXPIRED' ? new Refused(401, 'Token has expired') : invalid());
  },
  'token-echoed': () => {
    service.refuse = (error, request, response, next) =>
      response.status(error.status ?? 500).json({ detail: error.message, debug: lineOf(request) });
  },
  'malformed-is-500': () => {
    auth.authenticate = async (token) => {
      JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
      return right.authenticate(token);
    };
  },
  'unknown-key-is-500': () => {
    auth.authenticate = async (token) => {
      let header = {};
      try {
        header = decodeProtectedHeader(token);
      } catch {
        throw invalid();
      }
      auth.keys.get(header.kid).key.type.toString();
      return right.authenticate(token);
    };
  },
  'response-cached-by-url': (app) => {
    // A response cache that does not take the `Authorization` field into its key.
    const kept = new Map();
    app.use((request, response, next) => {
      const found = kept.get(request.originalUrl);
      if (request.method === 'GET' && found && Date.now() - found.at < 1000) return response.json(found.body);
      const json = response.json.bind(response);
      response.json = (body) => {
        if (request.method === 'GET' && response.statusCode === 200) kept.set(request.originalUrl, { at: Date.now(), body });
        return json(body);
      };
      next();
    });
  },
  'key-id-ignored': () => {
    auth.keyOf = () => auth.keys.values().next().value;
  },
};
