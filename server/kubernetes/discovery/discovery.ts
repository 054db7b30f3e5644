// What is served here, in the two forms in which clients ask for it: `/api`, `/apis` and below, one list for each version; or all at once
// (aggregated), where the Accept header names it. A client that is answered another version of the latter sees no kinds, without an error.
import { clausesOf } from '../request/accept.ts'
import { type Kind, type Subresource, apiVersionOf, groups, kinds } from '../kinds.ts'

interface Answer {
  readonly media: string
  readonly body: object
}

const json = 'application/json'

/** undefined = there is no such group or version. */
export function discovery (root: 'api' | 'apis', group: string | undefined, version: string | undefined, accept: string | undefined): Answer | undefined {
  if (version !== undefined) {
    const own = kinds.filter((kind) => kind.group === group && kind.version === version)
    return own.length === 0 ? undefined : { media: json, body: resourceList(apiVersionOf({ group: group ?? '', version }), own) }
  }
  if (group !== undefined) {
    const found = groups.find(({ name }) => name === group)
    return found === undefined ? undefined : { media: json, body: { kind: 'APIGroup', apiVersion: 'v1', ...groupOf(found) } }
  }
  const aggregated = aggregatedVersion(accept)
  if (aggregated !== undefined) {
    return { media: `${json};g=apidiscovery.k8s.io;v=${aggregated};as=APIGroupDiscoveryList`, body: aggregatedList(root, aggregated) }
  }
  if (root === 'apis') return { media: json, body: { kind: 'APIGroupList', apiVersion: 'v1', groups: groups.map(groupOf) } }
  return { media: json, body: { kind: 'APIVersions', versions: ['v1'], serverAddressByClientCIDRs: [] } }
}

/** The first form of discovery that the client names: v2 or v2beta1, undefined = the classic one. */
function aggregatedVersion (accept: string | undefined): 'v2' | 'v2beta1' | undefined {
  for (const { media, parameters } of clausesOf(accept ?? '')) {
    if (media !== json) continue
    if (parameters.get('as') !== 'APIGroupDiscoveryList') return undefined
    const version = parameters.get('v')
    if (parameters.get('g') === 'apidiscovery.k8s.io' && (version === 'v2' || version === 'v2beta1')) return version
  }
  return undefined
}

function groupOf ({ name, versions }: (typeof groups)[number]): object {
  const served = versions.map((version) => ({ groupVersion: `${name}/${version}`, version }))
  return { name, versions: served, preferredVersion: served[0] }
}

function resourceList (groupVersion: string, own: readonly Kind[]): object {
  return {
    kind: 'APIResourceList', apiVersion: 'v1', groupVersion,
    resources: own.flatMap(({ resource, singular, namespaced, kind, verbs, shortNames, categories, subresources }) => [
      { name: resource, singularName: singular, namespaced, kind, verbs, ...filled({ shortNames, categories }) },
      ...subresources.map(({ name, kind: answered, group, version, verbs: own }) => ({
        name: `${resource}/${name}`, singularName: '', namespaced, ...(version === '' ? {} : { group, version }), kind: answered, verbs: own
      }))
    ])
  }
}

function aggregatedList (root: 'api' | 'apis', version: 'v2' | 'v2beta1'): object {
  const items = root === 'api' ? [{ name: '', versions: ['v1'] }] : groups
  return {
    kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {},
    items: items.map(({ name, versions }) => ({
      metadata: name === '' ? {} : { name },
      versions: versions.map((each) => ({
        version: each, freshness: 'Current',
        resources: kinds.filter((kind) => kind.group === name && kind.version === each).map(aggregatedResource)
      }))
    }))
  }
}

/** Without the lists that are empty. */
function filled (lists: Readonly<Record<string, readonly string[]>>): object {
  return Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0))
}

function aggregatedResource (served: Kind): object {
  const { resource, singular, namespaced, kind, group, version, verbs, shortNames, categories, subresources } = served
  const formOf = (own: Subresource): object => ({ ...(own.version === '' ? { group, version } : { group: own.group, version: own.version }), kind: own.kind })
  return {
    resource, responseKind: { group, version, kind }, scope: namespaced ? 'Namespaced' : 'Cluster', singularResource: singular, verbs,
    ...filled({ shortNames, categories }),
    ...(subresources.length === 0 ? {} : {
      subresources: subresources.map((each) => ({ subresource: each.name, responseKind: formOf(each), verbs: each.verbs }))
    })
  }
}
