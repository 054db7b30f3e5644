// What the registry is measured against: Fastify with nothing on it, that sends given bytes and reads given bodies.
import fastify from 'fastify'

const text = process.argv[2] ?? '{}'
const app = fastify({ bodyLimit: 4 * 1024 * 1024 })
app.get('/bare', (_request, reply) => reply.header('content-type', 'application/json; charset=utf-8').send(text))
app.get('/known', (_request, reply) => reply.header('etag', 'W/"bare.1"').code(304).send())
app.put('/bare', (_request, reply) => reply.code(201).header('content-type', 'application/json; charset=utf-8').send(text))
app.post('/bare', (_request, reply) => reply.header('content-type', 'application/json; charset=utf-8').send(text))
const http = await app.listen({ host: '127.0.0.1', port: 0 })
process.once('SIGTERM', () => void app.close())
console.log(JSON.stringify({ msg: 'ready', http }))
