// A program whose service registers in a worker thread.
import { Worker } from 'node:worker_threads'

const worker = new Worker(new URL('service.ts', import.meta.url), { argv: ['plain'] })
worker.on('error', (error) => console.log('worker failed', error))
