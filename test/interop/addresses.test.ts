// A machine whose addresses come and go, as virtual ones do: dig asks each, and takes an answer from no other.
import { join } from 'node:path'
import t from 'tap'
import { batchSettings } from '../support/dns-batches.ts'
import { lacking } from '../support/programs.ts'
import { lackingNamespaces, startInNamespace } from './namespace.ts'

const skip = lackingNamespaces() || lacking('dig')

for (const batch of batchSettings) {
  for (const host of ['0.0.0.0', '::']) {
    t.test(`on ${host} every address is answered from itself, also one that comes later (batch ${batch})`, { skip }, async (t) => {
      const script = join(import.meta.dirname, 'serve-shop.ts')
      const inside = await startInNamespace(t, '', [process.execPath, '--conditions=rollcall-source', script, host, batch])
      const ip = async (...args: readonly string[]): Promise<void> => {
        await inside.output('sh', '-c', 'PATH="$PATH:/usr/sbin:/sbin"; exec ip "$@"', 'ip', ...args)
      }
      const dig = (address: string): Promise<string> =>
        inside.output('dig', `@${address}`, 'dns-version.cluster.local', 'TXT', '+short', '+tries=1', '+time=1').then(({ stdout }) => stdout.trim(), () => 'no answer')
      const answered = async (address: string): Promise<void> => {
        let answer = ''
        for (let tries = 0; tries < 500 && answer !== '"1.1.0"'; tries++) answer = await dig(address) // refused while nobody has the address
        t.equal(answer, '"1.1.0"', address)
      }
      await answered('127.0.0.2')
      await ip('link', 'add', 'virtual', 'type', 'veth', 'peer', 'name', 'other')
      await ip('link', 'set', 'other', 'up')
      await ip('link', 'set', 'virtual', 'up')
      for (const address of ['10.99.0.1', '10.99.0.2', ...(host === '::' ? ['fd99::1'] : [])]) {
        await ip('address', 'add', address.includes(':') ? `${address}/64` : `${address}/24`, 'dev', 'virtual', ...(address.includes(':') ? ['nodad'] : []))
        await answered(address)
      }
      await ip('address', 'del', '10.99.0.2/24', 'dev', 'virtual')
      t.not(await dig('10.99.0.2'), '"1.1.0"', 'it is gone')
      await answered('10.99.0.1')
      await ip('address', 'add', '10.99.0.2/24', 'dev', 'virtual')
      await answered('10.99.0.2')
    })
  }
}
