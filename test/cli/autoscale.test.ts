// `rollcall autoscale` against a real registry in this process: makes an autoscaler, and changes what its flags say.
import t from 'tap'
import type { HorizontalPodAutoscaler } from '../../client-sdk/src/autoscaling-manifests.ts'
import { place } from './place.ts'

t.test('autoscale makes an autoscaler of the instances of a name, and changes it', async (t) => {
  const { world, sdk, rollcall, piped } = await place(t)
  await world.register('default/orders/orders-1', { address: '10.1.0.1', ports: [{ port: 8080 }] })
  const read = async (): Promise<HorizontalPodAutoscaler> =>
    (await sdk.request<HorizontalPodAutoscaler>('/v1/namespaces/default/horizontalpodautoscalers/orders')).body

  const preview = await rollcall('autoscale', 'orders', '--max', '10', '--dry-run')
  t.equal(preview.out[0], 'horizontalpodautoscaler/orders created (dry run)')
  t.match(await rollcall('autoscale', 'orders', '--min', '2', '--max', '10', '--cpu-percent', '60'), { exitCode: 0, err: [], out: ['horizontalpodautoscaler/orders created'] })
  t.match((await read()).spec, {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'orders' }, minReplicas: 2, maxReplicas: 10,
    metrics: [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 60 } } }]
  })

  const more = { type: 'Pods', pods: { metric: { name: 'queue' }, target: { type: 'AverageValue', averageValue: '5' } } } as const
  const own = await read()
  await piped(JSON.stringify({
    apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'orders', labels: { team: 'a' }, annotations: { 'rollcall.dev/autoscale-webhook': 'off' } },
    spec: { ...own.spec, metrics: [...own.spec.metrics ?? [], more], behavior: { scaleDown: { stabilizationWindowSeconds: 30 } } }
  }), 'apply', '-f', '-')
  t.same((await rollcall('autoscale', 'orders', '--max', '20', '--cpu-percent', '70')).out, ['horizontalpodautoscaler/orders configured'])
  const changed = await read()
  t.match(changed, {
    metadata: { labels: { team: 'a' }, annotations: { 'rollcall.dev/autoscale-webhook': 'off' } },
    spec: { minReplicas: 2, maxReplicas: 20, behavior: { scaleDown: { stabilizationWindowSeconds: 30 } } }
  }, 'what the flags do not say stays')
  t.same(changed.spec.metrics, [{ type: 'Resource', resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 70 } } }, more])
  t.same((await rollcall('autoscale', 'orders', '--max', '20')).out, ['horizontalpodautoscaler/orders unchanged'])
  t.same((await rollcall('autoscale', 'orders', '--max', '9', '-o', 'name')).out, ['horizontalpodautoscaler/orders'])
})

t.test('autoscale says what is wrong, and what looks wrong', async (t) => {
  const { world, rollcall } = await place(t)
  await world.register('default/orders/orders-1', { address: '10.1.0.1', ports: [{ port: 8080 }] })
  await rollcall('autoscale', 'orders', '--min', '3', '--max', '5')
  const rows: readonly (readonly [readonly string[], number, RegExp])[] = [
    [[], 2, /SERVICE is missing/],
    [['orders'], 2, /--max is missing/],
    [['orders', '--max', '0'], 2, /--max must be a whole number 1-1000000, got "0"/],
    [['orders', '--max', '1.5'], 2, /--max must be a whole number/],
    [['orders', '--max', 'many'], 2, /--max must be a whole number/],
    [['orders', '--max', '2', '--min', '3'], 2, /--max must not be less than --min, got 2 and 3/],
    [['orders', '--max', '2'], 2, /--max must not be less than the --min of orders, got 2 and 3/],
    [['orders', '--max', '5', '--cpu-percent', '-1'], 2, /--cpu-percent must be a whole number/],
    [['orders', '--max', '5', '--cpu-percent', '60%'], 2, /--cpu-percent must be a whole number/],
    [['Orders', '--max', '5'], 2, /service must be/],
    [['orders', 'others', '--max', '5'], 2, /"others" is one argument too many/],
    [['orders', '--max', '5', '--name', 'a.b.'], 2, /--name must be/],
    [['others', '--max', '5', '--name', 'orders'], 1, /autoscaler orders is of Deployment orders: give the new one another --name/]
  ]
  for (const [argv, exitCode, message] of rows) t.match(await rollcall('autoscale', ...argv), { exitCode, err: [message] }, argv.join(' '))
  t.match(await rollcall('autoscale', 'later', '--max', '5'), {
    exitCode: 0, err: ['Warning: no instance is registered as later in default yet'], out: ['horizontalpodautoscaler/later created']
  })
})
