// Which Kubernetes this is like. Clients warn if their minor version is further off than one.

/** Everything that is served here is of it, and of all versions since 1.21. */
const minor = 33

export function versionOf (version: string): object {
  return {
    major: '1', minor: String(minor), gitVersion: `v1.${minor}.0+rollcall-${version}`, gitCommit: '', gitTreeState: 'clean', buildDate: '1970-01-01T00:00:00Z',
    goVersion: '', compiler: '', platform: `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`
  }
}
