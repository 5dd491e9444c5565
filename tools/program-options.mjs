// How esbuild makes what is executed: a CommonJS launcher, and bundles that it runs by node:vm with V8's code cache beside them.

/** For launcher and bundles. */
export const programOptions = (outdir) => ({
  outdir,
  outExtension: { '.js': '.cjs' },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  conditions: ['@criu-ts/source'],
  logLevel: 'warning',
  minifySyntax: true,
  minifyWhitespace: true,
});

/** For bundles alone; their banner begins the function that the launcher calls. */
export const cachedBundleOptions = {
  // A script that vm compiled can't import; what is imported late is required late.
  supported: { 'dynamic-import': false },
  footer: { js: '})' },
  // The launcher reads it as latin1, which is quickest.
  charset: 'ascii',
};
