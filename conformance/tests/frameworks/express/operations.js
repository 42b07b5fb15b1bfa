// An API of documents and comments for `artos-conformance matrix`. swagger-jsdoc generates its OpenAPI document out of
// the comments.

import compression from 'compression';
import express from 'express';
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';
import swaggerJsdoc from 'swagger-jsdoc';
import { forbidden } from './auth.js';
import { guest, rulesOf } from './rules.js';
import { settings } from './settings.js';

const DOCUMENTS = new Map([
  ['doc-a', { id: 'doc-a', organization: 'org-a', title: 'Protocol of org-a' }],
  ['doc-b', { id: 'doc-b', organization: 'org-b', title: 'Protocol of org-b' }],
]);
const COMMENTS = new Map([
  ['comment-a', { id: 'comment-a', organization: 'org-a', document: 'doc-a', text: 'A remark of org-a' }],
  ['comment-b', { id: 'comment-b', organization: 'org-b', document: 'doc-b', text: 'A remark of org-b' }],
]);

const app = express();
if (settings.parts.has('compression')) app.use(compression({ threshold: 0 }));
const api = express.Router();

// The middleware of an operation: who calls it, and whether they may.
function secured(operation, permission) {
  const rules = rulesOf(operation);
  return async (request, response, next) => {
    request.rules = rules;
    request.caller = rules.secured ? await rules.authenticate(request) : guest;
    if (rules.secured && permission && !rules.may(request.caller, permission)) throw forbidden();
    next();
  };
}

// Throws unless the resource is the caller's organization's.
function owned(request, resource) {
  if (!resource) throw Object.assign(new Error('Not Found'), { status: 404 });
  if (!request.rules.owns(request.caller, resource.organization)) throw request.rules.refuse(resource);
  return resource;
}

const title = (request, response, next) => {
  if (typeof request.body?.title === 'string') return next();
  response.status(422).json({ detail: [{ loc: ['body', 'title'], msg: 'Field required' }] });
};
const json = express.json();

/**
 * @openapi
 * /api/v1/status:
 *   get: { security: [], responses: { 200: { description: The status } } }
 * /api/v1/me:
 *   get: { responses: { 200: { description: The caller } } }
 */
api.get('/status', secured('status'), (request, response) => response.json({ status: 'ok' }));
api.get('/me', secured('me'), (request, response) => response.json(request.caller));

/**
 * @openapi
 * /api/v1/documents:
 *   get:
 *     responses: { 200: { description: The documents of the caller's organization } }
 *   post:
 *     requestBody: { $ref: '#/components/requestBodies/draft' }
 *     responses: { 201: { description: The document } }
 */
api.get('/documents', secured('documents', 'documents:read'), (request, response) => {
  const { rules, caller } = request;
  const visible = (document) => rules.listsEverything || rules.owns(caller, document.organization);
  response.json([...DOCUMENTS.values()].filter(visible));
});
api.post('/documents', secured('create', 'documents:write'), json, title, (request, response) =>
  response.status(201).json({ id: 'doc-new', organization: request.caller.organization, title: request.body.title }),
);

/**
 * @openapi
 * /api/v1/documents/merge:
 *   post:
 *     requestBody: { required: true, content: { application/json: { schema: { type: object } } } }
 *     responses: { 200: { description: The document } }
 */
api.post('/documents/merge', secured('merge', 'documents:write'), json, (request, response) =>
  response.json(owned(request, DOCUMENTS.get(request.body?.source))),
);

/**
 * @openapi
 * /api/v1/documents/{document_id}:
 *   parameters:
 *     - $ref: '#/components/parameters/document'
 *   get:
 *     responses: { 200: { description: The document } }
 *   put:
 *     requestBody: { $ref: '#/components/requestBodies/draft' }
 *     responses: { 200: { description: The document } }
 *   delete:
 *     responses: { 204: { description: It is gone } }
 */
api.get('/documents/:id', secured('read', 'documents:read'), (request, response) =>
  response.json(owned(request, DOCUMENTS.get(request.params.id))),
);
api.put('/documents/:id', secured('replace', 'documents:write'), json, (request, response, next) => {
  const document = owned(request, DOCUMENTS.get(request.params.id));
  title(request, response, () => response.json({ ...document, title: request.body.title }));
});
// The example keeps its documents.
api.delete('/documents/:id', secured('remove', 'documents:write'), (request, response) => {
  owned(request, DOCUMENTS.get(request.params.id));
  response.status(204).end();
});

/**
 * @openapi
 * /api/v1/documents/{document_id}/comments:
 *   parameters:
 *     - $ref: '#/components/parameters/document'
 *   get:
 *     responses: { 200: { description: The comments } }
 * /api/v1/documents/{document_id}/comments/{comment_id}:
 *   parameters:
 *     - $ref: '#/components/parameters/document'
 *     - { name: comment_id, in: path, required: true, schema: { type: string } }
 *   get:
 *     responses: { 200: { description: The comment } }
 */
api.get('/documents/:id/comments', secured('comments'), (request, response) => {
  const document = owned(request, DOCUMENTS.get(request.params.id));
  const all = [...COMMENTS.values()];
  response.json(request.rules.listsEverything ? all : all.filter((comment) => comment.document === document.id));
});
api.get('/documents/:id/comments/:comment', secured('comment'), (request, response) => {
  const { rules, params } = request;
  if (rules.checksParent) owned(request, DOCUMENTS.get(params.id));
  const comment = COMMENTS.get(params.comment);
  if (rules.checksChild) {
    owned(request, comment);
    if (comment.document !== params.id && rules.checksParent) {
      return response.status(404).json({ detail: 'Not Found' });
    }
  }
  response.json(comment);
});

/**
 * @openapi
 * /api/v1/search:
 *   get:
 *     parameters:
 *       - { name: document_id, in: query, required: true, schema: { type: string } }
 *     responses: { 200: { description: The document } }
 * /api/v1/export:
 *   get:
 *     responses: { 200: { description: The number of rows } }
 * /api/v1/organizations/{organization}/members:
 *   get:
 *     parameters:
 *       - { name: organization, in: path, required: true, schema: { type: string } }
 *     responses: { 200: { description: The members } }
 * /api/v1/settings:
 *   patch:
 *     requestBody:
 *       content: { application/json: { schema: { type: object, properties: { theme: { type: string, default: dark } } } } }
 *     responses: { 200: { description: The settings } }
 */
api.get('/search', secured('search'), (request, response) =>
  response.json(owned(request, DOCUMENTS.get(request.query.document_id))),
);
api.get('/export', secured('export', 'documents:export'), (request, response) =>
  response.json({ rows: DOCUMENTS.size }),
);
api.get('/organizations/:organization/members', secured('members'), (request, response) => {
  const { organization } = request.params;
  response.json(owned(request, { organization, members: [`a member of ${organization}`] }));
});
api.patch('/settings', secured('settings'), json, (request, response) => response.json(request.body ?? {}));

const openapi = swaggerJsdoc({
  definition: {
    openapi: '3.0.3',
    info: { title: 'Documents', version: '1' },
    security: [{ token: [] }],
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
      parameters: { document: { name: 'document_id', in: 'path', required: true, schema: { type: 'string' } } },
      requestBodies: {
        draft: {
          required: true,
          content: { 'application/json': { schema: { type: 'object' }, example: { title: 'A plan for next year' } } },
        },
      },
    },
  },
  apis: [fileURLToPath(import.meta.url)],
  failOnErrors: true,
});
// A comment that was copied from a public operation.
if (rulesOf('me').describedAsPublic) openapi.paths['/api/v1/me'].get.security = [];

app.get('/openapi.json', (request, response) => response.json(openapi));
app.use('/api/v1', api);
app.use((request, response) => response.status(404).json({ detail: 'Not Found' }));
app.use((error, request, response, next) => {
  if (error.location) return response.redirect(error.status, error.location);
  const status = error.status ?? 500;
  if (error.challenge) response.set('WWW-Authenticate', error.challenge);
  response.status(status).json({ detail: status === 500 ? 'Internal Server Error' : (error.content ?? error.message) });
});
createServer(app).listen(settings.port, '127.0.0.1');
