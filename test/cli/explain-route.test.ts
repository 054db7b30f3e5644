// `rollcall explain route`: against a real registry in this process.
import t from 'tap'
import type { Line } from '../../server/cli/line.ts'
import { place } from './place.ts'

const manifests = `apiVersion: v1
kind: Service
metadata: { name: cart }
spec: { selector: { app: cart }, ports: [{ name: http, port: 80, targetPort: http }] }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop, annotations: { rollcall.dev/ingress-rewrite-prefix: /v2, rollcall.dev/ingress-canary-service: "next:80", rollcall.dev/ingress-canary-weight: "10" } }
spec:
  rules:
    - host: shop.example
      http:
        paths:
          - { path: /, pathType: Prefix, backend: { service: { name: missing, port: { number: 80 } } } }
          - { path: /cart, pathType: Prefix, backend: { service: { name: cart, port: { name: http } } } }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: plain, annotations: { rollcall.dev/ingress-redirect-https: "true", rollcall.dev/ingress-allow-sources: 192.0.2.0/24 } }
spec:
  rules:
    - { host: plain.example, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: implicit, port: { number: 8080 } } } }] } }
`

const text = (lines: readonly Line[]): string => lines.map((line) => (typeof line === 'string' ? line : JSON.stringify(line)).replace(/ {2,}/g, ' ').trim()).join('\n')

t.test('which ingress, rule, service and endpoints answer a URL', async (t) => {
  const { world, rollcall, piped } = await place(t)
  await world.register('default/c/cart-1', { address: '10.1.0.1', ports: [{ name: 'http', port: 8080 }], labels: { app: 'cart' }, weight: 300 })
  await world.register('default/c/cart-2', { address: '10.1.0.2', ports: [{ name: 'http', port: 8081 }], labels: { app: 'cart' } })
  await world.register('default/implicit/i-1', { address: '10.1.0.3', ports: [{ name: 'http', port: 8080 }] })
  t.match(await piped(manifests, 'apply', '-f', '-'), { exitCode: 0 })

  const shown = await rollcall('explain', 'route', 'https://Shop.example:8443/cart/7?x=1')
  t.equal(shown.exitCode, 0)
  t.equal(text(shown.out), `Request: GET https://Shop.example:8443/cart/7?x=1
Ingress: default/shop
Rule: shop.example/cart (Prefix)
Service: default/cart port http
Path: /v2/7?x=1
ENDPOINT ADDRESS SHARE
cart-1 10.1.0.1:8080 75%
cart-2 10.1.0.2:8081 25%
note: default/shop: shop.example/ (Prefix) fits, too, and loses: its path is shorter
note: 10 of 100 requests go to the canary default/next:80`)

  t.match(await rollcall('explain', 'route', 'https://shop.example/other'), { exitCode: 1, out: [/Request/, /Ingress/, /Rule/, /missing/, /Path/, /503 no-service: there is no service default\/missing/] })
  t.match(await rollcall('explain', 'route', 'https://nowhere.example/'), { exitCode: 1, out: [/Request/, /404 no-route/] })
  t.match(await rollcall('explain', 'route', 'https://shop.example/x/../cart'), { exitCode: 1, out: [/Request/, /400 bad-target/] })
  t.match(await rollcall('explain', 'route', 'http://plain.example/', '--client', '192.0.2.7'), { exitCode: 0, out: [/Request/, /Ingress/, /308 redirect/] })
  t.match(await rollcall('explain', 'route', 'https://plain.example/'), { exitCode: 1, out: [/Request/, /Ingress/, /403 source-not-allowed/] })
  const json = await rollcall('explain', 'route', 'https://plain.example/', '--client', '192.0.2.7', '-o', 'json')
  t.match(JSON.parse(json.out.join('\n')), { ingress: 'default/plain', service: 'default/implicit', endpoints: [{ id: 'i-1', address: '10.1.0.3', port: 8080, share: 1 }] })

  t.match(await rollcall('explain', 'route'), { exitCode: 2, err: [/URL is missing/] })
  t.match(await rollcall('explain', 'route', 'shop.example/'), { exitCode: 2, err: [/must begin with http/] })
  t.match(await rollcall('explain', 'route', 'http://a/', '-H', 'nonsense'), { exitCode: 2, err: [/NAME: VALUE/] })
})
