// Import circles, types counted: files that need each other can't be read, tested or moved one by one, and a circle of types is one.
export default {
  forbidden: [{
    name: 'no-circle',
    comment: 'Two files need each other, by whichever way: move what both need into a file that needs neither.',
    severity: 'error',
    from: {},
    to: { circular: true }
  }],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true, // as written, before TypeScript drops the imports of types
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] }
  }
}
