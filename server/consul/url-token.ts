// A token as `?token=`, which older clients of Consul send (python-consul, the Java client consul-api). It is taken out of the URL at once, so that
// it stands in no log, and stands where every token of Consul's clients stands. It counts before that of a header, as in Consul.
import type { IncomingMessage } from 'node:http'

export function takeTokenOutOfUrl (request: IncomingMessage): void {
  const { url = '' } = request
  const start = url.indexOf('?')
  if (start === -1) return
  const kept: string[] = []
  let token = ''
  for (const pair of url.slice(start + 1).split('&')) {
    const [[name, value] = ['', '']] = new URLSearchParams(pair)
    if (name !== 'token') kept.push(pair)
    else if (token === '') token = value
  }
  const query = kept.join('&')
  if (query.length === url.length - start - 1) return
  request.url = query === '' ? url.slice(0, start) : `${url.slice(0, start)}?${query}`
  if (token !== '') request.headers['x-consul-token'] = token
}
