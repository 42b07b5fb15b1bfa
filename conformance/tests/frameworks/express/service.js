// The documented API on Express: a public status, and an organization's templates and documents.

import compression from 'compression';
import cors from 'cors';
import express from 'express';
import helmet from 'helmet';
import { auth, forbidden } from './auth.js';
import { settings } from './settings.js';

export const PUBLIC = '/api/v1/search/status';
export const TEMPLATES = [
  { id: 'template-a', organization: 'org-a', title: 'Letter of org-a' },
  { id: 'template-b', organization: 'org-b', title: 'Letter of org-b' },
];
export const DOCUMENTS = new Map([
  ['doc-a', { id: 'doc-a', organization: 'org-a', title: 'Protocol of org-a' }],
  ['doc-b', { id: 'doc-b', organization: 'org-b', title: 'Protocol of org-b' }],
]);

// Replaced by the faults, one function at a time.
export const service = {
  // The documents of the caller's organization.
  visible: (caller, documents) => documents.filter((document) => auth.owns(caller, document.organization)),

  owned(request, response, next) {
    const document = DOCUMENTS.get(request.params.id);
    if (!document) return response.status(404).json({ detail: 'Not Found' });
    if (!auth.owns(request.caller, document.organization)) throw forbidden();
    request.document = document;
    next();
  },

  writer(request, response, next) {
    if (!auth.may(request.caller, 'documents:write')) throw forbidden();
    next();
  },

  draft(request, response, next) {
    if (typeof request.body?.title !== 'string') {
      return response.status(422).json({ detail: [{ loc: ['body', 'title'], msg: 'Field required' }] });
    }
    next();
  },

  refuse(error, request, response, next) {
    const status = error.status ?? 500;
    if (error.challenge) response.set('WWW-Authenticate', error.challenge);
    response.status(status).json({ detail: status === 500 ? 'Internal Server Error' : error.message });
  },
};

// Looks a function of `service` or `auth` up when a request comes, so that a fault may replace it.
const late = (object, name) => (request, response, next) => object[name](request, response, next);
// The same for an error handler, which is known by its four parameters.
const lateHandler = (object, name) => (error, request, response, next) => object[name](error, request, response, next);

export function create(addFault = () => {}) {
  const { parts } = settings;
  const has = (part) => parts.has(part);
  const app = express();
  app.set('strict routing', has('strict'));
  app.set('case sensitive routing', has('strict'));
  app.set('trust proxy', has('trust-proxy'));
  if (has('no-etag')) app.set('etag', false);
  if (has('helmet')) app.use(helmet());
  if (has('cors')) app.use(cors({ origin: 'https://app.example', credentials: true }));
  if (has('compression')) app.use(compression({ threshold: 0 }));
  if (has('json-first')) app.use(express.json());
  const guard = late(auth, 'guard');
  const owned = late(service, 'owned');
  const writer = late(service, 'writer');
  const draft = [express.json(), late(service, 'draft')];
  const generate = (request, response) =>
    response.status(202).json({ id: 'doc-new', organization: request.caller.organization, title: request.body.title });
  addFault(app);

  app.get(PUBLIC, (request, response) => response.json({ status: 'ok' }));
  if (has('validation-first')) app.post('/api/v1/documents/generate', draft, guard, writer, generate);
  const api = express.Router({ strict: has('strict'), caseSensitive: has('strict') });
  const each = has('guard-per-route') ? [guard] : [];
  if (!has('guard-per-route')) api.use(guard);
  api.get('/templates/', each, (request, response) => response.json(service.visible(request.caller, TEMPLATES)));
  api.get('/documents/', each, (request, response) =>
    response.json(service.visible(request.caller, [...DOCUMENTS.values()])),
  );
  api.post('/documents/generate', each, writer, draft, generate);
  api.get('/documents/:id', each, owned, (request, response) => response.json(request.document));
  api.put('/documents/:id', each, owned, writer, draft, (request, response) =>
    response.json({ ...request.document, title: request.body.title }),
  );
  // The example keeps its documents.
  api.delete('/documents/:id', each, owned, writer, (request, response) => response.status(204).end());
  app.use('/api/v1', api);
  app.use((request, response) => response.status(404).json({ detail: 'Not Found' }));
  app.use(lateHandler(service, 'refuse'));
  return app;
}
