// What ends up in dist/, and how esbuild makes it.
import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

import { build } from 'esbuild'

const nodeTarget = {
  platform: 'node',
  target: 'node20.19',
  logLevel: 'warning',
}

/**
 * The CLI and the public API: an entry whose `await import()`s stay files of their own, so a command
 * reads only what it needs (one file with everything in it started 1.5 times as slowly). esbuild
 * splits ES modules only, so a second pass turns each part into CommonJS, which loads faster.
 */
export async function bundleSplit({ name, entryPoint, outdir, define }) {
  const options = {
    ...nodeTarget,
    entryPoints: { [name]: entryPoint },
    outdir,
    define,
    bundle: true,
    splitting: true,
    format: 'esm',
    outExtension: { '.js': '.cjs' },
    chunkNames: 'part-[name]-[hash]',
    alias: jitiWithCompiler,
    metafile: true,
  }
  const dry = await build({ ...options, plugins: [ownFilesOnly], write: false })
  const lateParts = findLateParts(dry.metafile)
  const { metafile } = await build({ ...options, plugins: [startInOnePart(entryPoint, lateParts)] })
  await build({
    ...nodeTarget,
    entryPoints: Object.keys(metafile.outputs),
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
    // Half the text to parse and to keep: these boot while somebody waits.
    minify: true,
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

function findLateParts({ inputs }) {
  const imports = Object.values(inputs).flatMap((input) => input.imports)
  return new Set(
    imports
      .filter(({ kind, path }) => kind === 'dynamic-import' && /^(src|daemon)\//.test(path))
      .map(({ path }) => resolve(path)),
  )
}

/**
 * esbuild groups files by which entries and late parts reach them, so what every start needs ended
 * up in one file for each combination. With an import of the entry in each late part, whatever the
 * entry needs is reached by all alike, and is one file. It is long loaded when a late part comes.
 */
function startInOnePart(entryPoint, lateParts) {
  return {
    name: 'start-in-one-part',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) => {
        if (!lateParts.has(path)) return undefined
        const source = readFileSync(path, 'utf8')
        const importsOwnFiles = /from '\.{1,2}\//.test(source)
        const anchor = importsOwnFiles ? `\nimport ${JSON.stringify(resolve(entryPoint))}` : ''
        return { contents: source + anchor, loader: 'ts' }
      })
    },
  }
}
