import { readFile } from 'node:fs/promises'
import t from 'tap'
import { errorCatalogue } from '../../server/errors.ts'
import { build } from '../support/world.ts'

const page = (name: string): Promise<string> => readFile(new URL(`../../docs/reference/${name}.md`, import.meta.url), 'utf8')

t.test('the page of errors is the catalogue', async (t) => {
  const rows = [...(await page('errors')).matchAll(/^\| `(REG_\w+)` \| (\d+) \| ([^|]+) \| [^|]+ \|$/gm)]
  t.strictSame(Object.fromEntries(rows.map(([, code, status, title]) => [code, { status: Number(status), title }])), errorCatalogue)
  t.strictSame(rows.map(([, code]) => code), Object.keys(errorCatalogue), 'in its order')
})

t.test('the page of metrics names every metric, its type and its labels', async (t) => {
  const { app } = await build(t)
  const text = (await app.inject('/metrics')).body
  const rows = [...(await page('metrics')).matchAll(/^\| `(\w+)` \| (\w+) \| ([^|]*) \| [^|]+ \|$/gm)]
  t.strictSame(rows.map(([, name, type]) => `${name} ${type}`).sort(), [...text.matchAll(/^# TYPE (\w+ \w+)$/gm)].map(([, line]) => line).sort())
})

t.test('the page of the API names every path', async (t) => {
  const { app } = await build(t)
  const text = await page('http-api')
  for (const path of Object.keys((await app.inject('/openapi.json')).json().paths)) {
    const shown = path.replace('{namespace}', '{ns}').replace('/v1/namespaces/{ns}/services/{service}/instances/{id}/', '.../instances/{id}/')
    t.ok(text.includes(shown), shown)
  }
})
