// The import rules of eslint.config.js, tried on code that breaks them: each rule is tested.
import { Linter } from 'eslint'
import t from 'tap'
import tseslint from 'typescript-eslint'

const rule = '@typescript-eslint/no-restricted-imports'

interface Part {
  readonly files?: readonly string[]
  readonly rules?: Readonly<Record<string, unknown>>
}

// Plain JavaScript without declarations: it is asked for by its address.
const { default: config } = await import(new URL('../eslint.config.js', import.meta.url).href) as { readonly default: readonly Part[] }

/** What lint says to one import in a file of a folder. */
function faults (file: string, specifier: string): string[] {
  const linter = new Linter()
  const rules = config.filter(({ rules }) => rules?.[rule] !== undefined)
    .map(({ files = [], rules }) => ({ files: [...files], rules: { [rule]: rules?.[rule] as Linter.RuleEntry }, languageOptions: { parser: tseslint.parser }, plugins: { '@typescript-eslint': tseslint.plugin } }))
  return linter.verify(`import type { Thing } from '${specifier}'\nexport type Other = Thing\n`, rules as Linter.Config[], file).map(({ message }) => message)
}

t.test('an adapter imports the port of the core and the model, nothing else of the registry', async (t) => {
  for (const adapter of ['http', 'dns', 'cli', 'ui', 'proxy', 'autoscaling', 'kubernetes', 'eureka', 'consul', 'xds']) {
    const file = `server/${adapter}/some/file.ts`
    for (const allowed of ['../../registry/core.ts', '../../model/names.ts', '../../../client-sdk/src/wire.ts']) t.same(faults(file, allowed), [], `${adapter} imports ${allowed}`)
    for (const forbidden of ['../../registry/registry.ts', '../../registry/catalog/catalog.ts', '../../registry/feed/feed.ts', '../../registry/catalog/listing.ts', '../../store/redis/link.ts', '../../serve.ts']) {
      if (adapter === 'cli' && forbidden.endsWith('serve.ts')) continue
      t.equal(faults(file, forbidden).length, 1, `${adapter} may not import ${forbidden}`)
    }
    t.equal(faults(file, adapter === 'xds' ? '../../dns/server.ts' : '../../xds/server.ts').length, 1, `${adapter} imports no other adapter`)
  }
})

t.test('a dialect imports what the HTTP server gives to each, and the command line what a dialect means', async (t) => {
  for (const dialect of ['eureka', 'consul', 'kubernetes']) {
    t.same(faults(`server/${dialect}/routes.ts`, '../http/server/dialect.ts'), [], dialect)
    t.equal(faults(`server/${dialect}/routes.ts`, '../http/api/native.ts').length, 1, `${dialect} imports nothing of the native one`)
  }
  t.equal(faults('server/dns/server.ts', '../http/server/dialect.ts').length, 1, 'DNS is none')
  for (const dialect of ['eureka', 'consul']) {
    t.same(faults('server/cli/import.ts', `../${dialect}/form/mapping.ts`), [], dialect)
    t.equal(faults('server/cli/import.ts', `../${dialect}/routes.ts`).length, 1, `of ${dialect} only its form`)
  }
})

t.test('a room declares its settings with the words of config/setting.ts, and sees nothing that config/ composes', async (t) => {
  for (const room of ['store', 'registry']) {
    t.same(faults(`server/${room}/settings.ts`, '../config/setting.ts'), [], room)
    for (const forbidden of ['../config/settings.ts', '../config/config.ts', '../config/kinds.ts']) t.equal(faults(`server/${room}/settings.ts`, forbidden).length, 1, `${room} imports ${forbidden}`)
  }
})

t.test('the core imports no adapter, the model nothing of ours but the wire types', async (t) => {
  t.equal(faults('server/registry/feed/file.ts', '../../http/server/app.ts').length, 1)
  t.equal(faults('server/registry/feed/file.ts', '../../consul/server.ts').length, 1)
  t.equal(faults('server/model/file.ts', '../registry/core.ts').length, 1)
  t.same(faults('server/model/file.ts', '../../client-sdk/src/wire.ts'), [])
})
