// The calls of the C library that Node has no way to: many datagrams by one call, and options of sockets. They are reached by koffi, an
// optional dependency; memory is given as numbers, for it is laid out by hand (message-batch.ts, socket-address.ts).
import { createRequire } from 'node:module'
import { endianness } from 'node:os'

/** The memory that a call reads or writes, as a number. Whoever gives it keeps the buffer alive. */
export type MemoryAddress = number

export interface Libc {
  socket (family: number, type: number, protocol: number): number
  bind (fd: number, address: MemoryAddress, octets: number): number
  setsockopt (fd: number, level: number, name: number, value: MemoryAddress, octets: number): number
  getsockname (fd: number, address: MemoryAddress, octets: MemoryAddress): number
  close (fd: number): number
  recvmmsg (fd: number, vector: MemoryAddress, count: number, flags: number, timeout: MemoryAddress): number
  sendmmsg (fd: number, vector: MemoryAddress, count: number, flags: number): number
  if_nametoindex (name: string): number
  if_indextoname (index: number, name: MemoryAddress): MemoryAddress
  /** Of the last call that failed in this thread. */
  errno (): number
  /** `EADDRINUSE` and the like. */
  errorName (errno: number): string
  /** Where the octets of a buffer are. They stay there as long as it lives. */
  addressOf (memory: ArrayBuffer): MemoryAddress
}

/** What is used of koffi; its own types are there only where it is installed. */
interface Koffi {
  load (path: null): { func (prototype: string): (...values: (number | string)[]) => number }
  address (memory: Uint8Array): bigint
  errno (): number
  readonly os: { readonly errno: Readonly<Record<string, number>> }
}

/** Where structures have the layout that is written here: pointers of 64 bits, the lowest octet first, and the numbers of the generic Linux ABI. */
const knownArchitectures: ReadonlySet<string> = new Set(['x64', 'arm64', 'riscv64', 'loong64'])

export interface LibcSeen {
  readonly libc?: Libc
  /** Why there is none, as the end of a sentence. */
  readonly missing?: string
}

let seen: LibcSeen | undefined

/** The C library of this process, looked for once in each thread. */
export function findLibc (): LibcSeen {
  return seen ??= look()
}

function look (): LibcSeen {
  const { platform, arch } = process
  if (platform !== 'linux') return { missing: `this is ${platform}, not Linux` }
  if (!knownArchitectures.has(arch) || endianness() !== 'LE') return { missing: `its structures are not known for ${arch}` }
  try {
    return { libc: linked(createRequire(import.meta.url)('koffi') as Koffi) } // an optional dependency; where it is, it is of this form
  } catch (error) {
    return { missing: `koffi cannot be used: ${error instanceof Error ? error.message.split('\n', 1)[0] : String(error)}` }
  }
}

function linked (koffi: Koffi): Libc {
  const program = koffi.load(null) // the C library that Node itself runs on: glibc or musl
  const names = new Map(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]))
  return {
    socket: program.func('int socket(int family, int type, int protocol)'),
    bind: program.func('int bind(int fd, uint64_t address, uint32_t octets)'),
    setsockopt: program.func('int setsockopt(int fd, int level, int name, uint64_t value, uint32_t octets)'),
    getsockname: program.func('int getsockname(int fd, uint64_t address, uint64_t octets)'),
    close: program.func('int close(int fd)'),
    recvmmsg: program.func('int recvmmsg(int fd, uint64_t vector, uint32_t count, int flags, uint64_t timeout)'),
    sendmmsg: program.func('int sendmmsg(int fd, uint64_t vector, uint32_t count, int flags)'),
    if_nametoindex: program.func('uint32_t if_nametoindex(const char *name)'),
    if_indextoname: program.func('uint64_t if_indextoname(uint32_t index, uint64_t name)'),
    errno: () => koffi.errno(),
    errorName: (errno) => names.get(errno) ?? `error ${errno}`,
    addressOf: (memory) => Number(koffi.address(new Uint8Array(memory)))
  }
}
