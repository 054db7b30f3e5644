// The page that Eureka's users know: instances, renewals, and in red why nothing is removed. One text without scripts.
import { eurekaStatuses } from './form/instance-info.ts'
import { xmlEscaped as escaped } from './form/xml-text.ts'
import type { State } from './node-state.ts'
import { uptimeText } from './status.ts'
import type { App } from './view/app.ts'

/** Instances that one page shows: a browser takes no more. The rest is counted. */
const maxShown = 1_000

const style = `body{font:14px/1.5 system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#222;background:#fff}
table{border-collapse:collapse;width:100%;margin:.5em 0 2em}th,td{text-align:left;padding:.3em .6em;border-bottom:1px solid #ddd;vertical-align:top}
.red{color:#b00;font-weight:bold}.UP{color:#070}.DOWN,.OUT_OF_SERVICE{color:#b00}.STARTING,.UNKNOWN{color:#850}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}th,td{border-color:#444}.red,.DOWN,.OUT_OF_SERVICE{color:#f77}.UP{color:#7d7}}`

export function pageText (state: State, apps: readonly App[]): string {
  const rows = [
    ['Environment', state.namespace],
    ['Node', `${state.node}, Rollcall ${state.version}`],
    ['Current time', new Date(state.nowMs).toISOString()],
    ['Uptime', uptimeText(state.upMs)],
    ['Lease expiration enabled', String(state.preservation.length === 0)],
    ['Renewals expected a minute', String(state.expected)],
    ['Renewals here (last minute)', String(state.renewals)],
    ['Suspect instances', String(state.suspect)],
    ['Memory', `${state.memory.used} MB used here, ${state.memory.free} of ${state.memory.total} MB free`],
    ['DS Replicas', state.otherNodes.join(', ') || 'none']
  ] as const
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Eureka: ${escaped(state.namespace)}</title><style>${style}</style></head><body>
<h1>System Status</h1>
${redLines(state)}<table>${rows.map(([name, value]) => `<tr><th scope="row">${name}</th><td>${escaped(value)}</td></tr>`).join('')}</table>
<h1>Instances currently registered with Eureka</h1>
${instanceTable(apps)}</body></html>
`
}

/** As Eureka's own page begins its warning; what follows is the registry's reason. */
function redLines ({ preservation }: State): string {
  return preservation.map((reason) => `<p class="red">EMERGENCY! EUREKA MAY BE INCORRECTLY CLAIMING INSTANCES ARE UP WHEN THEY'RE NOT: ${escaped(reason)}.</p>\n`).join('')
}

function instanceTable (apps: readonly App[]): string {
  if (apps.length === 0) return '<p>No instances available</p>'
  let left = maxShown
  const rows = apps.map(({ name, rows: all, size, counts }) => {
    const shown = all.slice(0, Math.max(0, left))
    left -= shown.length
    const states = eurekaStatuses.flatMap((status) => {
      const some = shown.filter((row) => row.status === status).map(({ info }) => escaped(info.instanceId))
      return counts.has(status) ? [`<span class="${status}">${status}</span> (${counts.get(status)}): ${some.join(', ')}`] : []
    })
    const more = size > shown.length ? `<br>and ${size - shown.length} more` : ''
    return `<tr><th scope="row">${escaped(name)}</th><td>${size}</td><td>${states.join('<br>')}${more}</td></tr>`
  })
  return `<table><tr><th>Application</th><th>Instances</th><th>Status</th></tr>${rows.join('')}</table>`
}
