// oidc-provider on loopback, told by lines of standard input to rotate its keys or to misbehave. Its first line of output is
// its URL; each command is answered by a line, `ok` or a number.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';
import { generateKeyPairSync } from 'node:crypto';

// This version of Node is older than oidc-provider recommends, which it says on standard output.
console.info = console.warn = (...text) => console.error(...text);
const { Provider } = await import('oidc-provider');

let made = 0;
const keys = [];
function addKey() {
  const alg = made % 2 === 0 ? 'ES256' : 'RS256';
  const { privateKey } = alg === 'ES256'
    ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
    : generateKeyPairSync('rsa', { modulusLength: 2048 });
  made += 1;
  // The first key that fits signs.
  keys.unshift({ ...privateKey.export({ format: 'jwk' }), kid: `test-only-${made}`, alg, use: 'sig' });
}

let url;
let answer;
function serveKeys() {
  const [{ alg }] = keys;
  const provider = new Provider(url, {
    jwks: { keys },
    scopes: ['documents:read', 'documents:write'],
    clients: [{
      client_id: 'service',
      client_secret: 'test-only',
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
      id_token_signed_response_alg: alg,
    }],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, resource) => ({
          scope: 'documents:read documents:write',
          audience: resource,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg } },
        }),
      },
    },
    extraTokenClaims: () => ({ org_id: 'org-a' }),
  });
  answer = provider.callback();
}

// What is answered at the paths of metadata and keys instead of the truth.
const FAULTS = {
  hang: () => {},
  500: (response) => response.writeHead(500).end(),
  redirect: (response, request) => response.writeHead(302, { location: `${request.url}?moved` }).end(),
  large: (response) => response.writeHead(200).end(' '.repeat(5 << 20)),
  empty: (response) => response.writeHead(200).end('{"keys": []}'),
  html: (response) => response.writeHead(200).end('<html>'),
  cut: (response) => response.writeHead(200, { 'content-length': 1000 }).write('{"keys": [', () => response.destroy()),
  // Somebody else's document at our place: the right keys under a wrong name.
  lie: (response) => response.writeHead(200).end(JSON.stringify({ issuer: `${url}/other`, jwks_uri: `${url}/jwks` })),
};

let fault;
let fetches = 0;
let moved = 0;
const server = createServer((request, response) => {
  const isDocument = request.url.startsWith('/.well-known/');
  const isKeys = request.url.startsWith('/jwks');
  if (request.url.endsWith('?moved')) moved += 1;
  if (isKeys) fetches += 1;
  // A lie stands in the document; the other faults are those of the keys.
  const applies = fault === 'lie' ? isDocument : isKeys;
  if (fault && applies) FAULTS[fault](response, request);
  else answer(request, response);
});

const COMMANDS = {
  rotate: () => { addKey(); serveKeys(); return 'ok'; },
  retire: () => { keys.splice(1); serveKeys(); return 'ok'; },
  fault: (name) => { fault = name === 'none' ? undefined : name; return fault && !FAULTS[fault] ? 'unknown' : 'ok'; },
  fetches: () => fetches,
  moved: () => moved,
};

server.listen(0, '127.0.0.1', () => {
  url = `http://127.0.0.1:${server.address().port}`;
  addKey();
  serveKeys();
  console.log(url);
  createInterface({ input: process.stdin })
    .on('line', (line) => {
      const [command, argument] = line.split(' ');
      console.log(COMMANDS[command](argument));
    })
    .on('close', () => process.exit(0));
});
