// Starts the service, with a fault where one is named, in one process or, under `cluster`, in two.

import cluster from 'node:cluster';
import { createServer } from 'node:http';
import { switchOn } from './faults.js';
import { create } from './service.js';
import { settings } from './settings.js';

if (settings.parts.has('cluster') && cluster.isPrimary) {
  cluster.fork();
  cluster.fork();
} else {
  const app = create(settings.fault ? (app) => switchOn(settings.fault, app) : undefined);
  createServer(app).listen(settings.port, '127.0.0.1');
}
