// What every program gets that calls getaddrinfo: the C libraries of Debian (glibc) and Alpine (musl), with the search path of a pod.
import { join } from 'node:path'
import t from 'tap'
import { lackingNamespaces, startInNamespace } from './namespace.ts'
import { lacking, output, programPath } from '../support/programs.ts'
import { temporaryDirectory } from '../support/closable.ts'
import { addresses, inShop } from './shop.ts'

const resolvConf = 'nameserver 127.0.0.1\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5 timeout:1 attempts:1\n'
const libraries = [
  { library: 'glibc', compiler: 'gcc', flags: [], isWhole: true },
  // Before 1.2.4 it has no TCP, and since then it keeps 48 addresses.
  { library: 'musl', compiler: 'musl-gcc', flags: ['-static'], isWhole: false }
] as const
const noNamespaces = lackingNamespaces()

for (const { library, compiler, flags, isWhole } of libraries) {
  t.test(`getaddrinfo of ${library}`, { skip: noNamespaces || lacking(compiler) }, async (t) => {
    const program = join(await temporaryDirectory(t), 'lookup')
    const [namespace] = await Promise.all([
      startInNamespace(t, resolvConf, [process.execPath, '--conditions=rollcall-source', join(import.meta.dirname, 'serve-shop.ts')]),
      output(programPath(compiler) ?? compiler, ...flags, '-o', program, join(import.meta.dirname, 'lookup.c'))
    ])
    /** The addresses of a name, sorted, or the error. */
    const lookUp = async (family: 0 | 4 | 6, ...names: readonly string[]): Promise<string[][]> => {
      const { stdout } = await namespace.output(program, String(family), ...names)
      return stdout.trimEnd().split('\n').map((line) => line.split(' ').slice(1).sort())
    }

    t.test('finds a service by its whole name', async (t) => {
      t.strictSame(await lookUp(0, inShop('front'), `${inShop('front')}.`), [['10.96.0.9', 'fd00:10:96::9'], ['10.96.0.9', 'fd00:10:96::9']])
      t.strictSame(await lookUp(4, inShop('front')), [['10.96.0.9']])
      t.strictSame(await lookUp(6, inShop('front')), [['fd00:10:96::9']])
      t.strictSame(await lookUp(0, inShop('FRONT')), [['10.96.0.9', 'fd00:10:96::9']])
    })

    t.test('finds services by the search path', async (t) => {
      t.strictSame(await lookUp(4, 'front', 'front.shop', 'front.shop.svc', 'web-0.web', '10-0-0-2.web.shop'),
        [['10.96.0.9'], ['10.96.0.9'], ['10.96.0.9'], ['10.0.0.1'], ['10.0.0.2']])
    })

    t.test('does not take the missing family for a missing name', async (t) => {
      t.strictSame(await lookUp(0, inShop('web'), 'web', 'web-0.web'), [['10.0.0.1', '10.0.0.2'], ['10.0.0.1', '10.0.0.2'], ['10.0.0.1']])
      t.strictSame(await lookUp(0, 'mixed'), [['10.0.0.3', 'fd00::3']])
    })

    t.test('follows aliases', async (t) => {
      t.strictSame(await lookUp(0, 'alias', 'second'), [['10.96.0.9', 'fd00:10:96::9'], ['10.96.0.9', 'fd00:10:96::9']])
    })

    t.test('says of a name that does not exist that there is none', async (t) => {
      t.strictSame(await lookUp(0, `${inShop('nobody')}.`, `${inShop('ghost')}.`), [['EAI_NONAME'], ['EAI_NONAME']])
    })

    t.test(`gets ${isWhole ? 'all' : 'a part'} of a set that is too large for UDP without EDNS`, async (t) => {
      const found = (await lookUp(0, 'wide'))[0] ?? []
      t.ok(isWhole ? found.length === 60 : found.length >= 20, `${found.length} addresses`)
      t.ok(found.every((address) => addresses(60).includes(address)))
    })
  })
}
