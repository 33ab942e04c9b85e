/** lbm's own version from package.json. esbuild and vitest replace it, so nothing reads package.json at run time. */
declare const __LBM_VERSION__: string
