// What ends up in dist/, and how esbuild makes it.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'

import { build } from 'esbuild'

const nodeTarget = {
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning',
}

/**
 * The CLI and the public API: small entries whose `await import()`s stay files of their own, so a
 * command reads only what it needs (one file with everything in it started 1.5 times as slowly).
 * esbuild splits ES modules only, so a second pass turns each part into CommonJS, which loads faster.
 */
export async function bundleSplit({ entryPoints, outdir, define }) {
  if (Object.keys(entryPoints).length === 0) return []
  const { metafile } = await build({
    ...nodeTarget,
    entryPoints,
    outdir,
    define,
    bundle: true,
    splitting: true,
    format: 'esm',
    outExtension: { '.js': '.cjs' },
    chunkNames: 'part-[name]-[hash]',
    alias: jitiWithCompiler,
    plugins: [ownFilesOnly],
    metafile: true,
  })
  await build({
    ...nodeTarget,
    entryPoints: readdirSync(outdir).map((file) => join(outdir, file)),
    outdir,
    allowOverwrite: true,
    format: 'cjs',
    loader: { '.cjs': 'js' },
    outExtension: { '.js': '.cjs' },
    // import() of a CommonJS file starts Node's ES module loader; require() does not.
    supported: { 'dynamic-import': false },
    minify: true,
    logLevel: 'error',
  })
  return Object.keys(metafile.inputs)
}

/** A program that outlives an update of lbm: one file, so that it never looks for parts that are gone. */
export async function bundleWhole({ entryPoint, outfile, define, sourcemap = false }) {
  const { metafile } = await build({
    ...nodeTarget,
    entryPoints: [entryPoint],
    outfile,
    define,
    bundle: true,
    format: 'cjs',
    sourcemap,
    metafile: true,
  })
  return Object.keys(metafile.inputs)
}

// jiti's ES module entry loads its compiler by a path that esbuild does not see.
const jitiWithCompiler = { jiti: './node_modules/jiti/lib/jiti.cjs' }

const ownFilesOnly = {
  name: 'own-files-only',
  setup({ onResolve }) {
    onResolve({ filter: /^[^./]/ }, ({ kind, path, importer }) => {
      if (
        kind !== 'dynamic-import' ||
        path.startsWith('node:') ||
        importer.includes('node_modules')
      )
        return undefined
      // A split CommonJS package keeps only its default export.
      const text = `import('${path}'): import() a file of ours that imports the package statically`
      return { errors: [{ text }] }
    })
  },
}
