// Requests as any program makes them.
export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // What a surface says is compared with the model, whatever shape it has.
  readonly body: any
}

/** A request that is not answered within this is one that sleeps through. */
export const patienceMs = 5_000

export async function ask (
  base: string, method: string, path: string, body?: unknown, headers: Record<string, string> = {},
  signal = AbortSignal.timeout(patienceMs)
): Promise<Answer> {
  const response = await fetch(`${base}${path}`, {
    method, signal, headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers }, ...(
      body === undefined ? {} : { body: JSON.stringify(body) }
    )
  })
  const text = await response.text()
  return {
    status: response.status, headers: response.headers, text,
    body: text === '' || !(response.headers.get('content-type') ?? '').includes('json') ? undefined : JSON.parse(text)
  }
}

export function instanceUrl (path: string): string {
  const [namespace = '', service = '', id = ''] = path.split('/')
  return `/v1/namespaces/${namespace}/services/${service}/instances/${id}`
}

export function serviceUrl (namespace: string, service: string): string {
  return `/v1/namespaces/${namespace}/services/${service}`
}

/** False for what has not come in time. */
export async function isInTime (work: Promise<unknown>): Promise<boolean> {
  const late = AbortSignal.timeout(patienceMs)
  const end = new AbortController()
  const isLate = new Promise<boolean>((resolve) => {
    late.addEventListener('abort', () => resolve(false), { once: true, signal: end.signal })
  })
  try {
    return await Promise.race([work.then(() => true), isLate])
  } finally {
    end.abort()
  }
}
