// Preload for lbm's own processes: system calls fail by chance while the file LBM_FAULTS is there.
// It holds {"seed": 1, "probability": 0.02}; each fault is a line of `<file>.log`.
'use strict'

const fs = require('node:fs')
const promises = require('node:fs/promises')
const os = require('node:os')

const control = process.env.LBM_FAULTS
const role = /(daemon|supervisor)\.cjs$/.exec(process.argv[1] ?? '')?.[1]
if (control !== undefined && role !== undefined) install()

function install() {
  const { readFileSync, appendFileSync } = fs
  const home = process.env.LBM_HOME
  // Each process has chances of its own: those that come one after the other are not to fail at the same call.
  fs.appendFileSync(`${control}.started`, '.')
  const ordinal = fs.statSync(`${control}.started`).size
  let settings
  let looked = -Infinity
  let state = 0
  let inside = false

  /** What is on, looked at every 50 ms. */
  function probability() {
    const now = performance.now()
    if (now - looked > 50) {
      looked = now
      try {
        const read = JSON.parse(readFileSync(control, 'utf8'))
        if (settings === undefined) state = (read.seed * 1009 + ordinal) >>> 0
        settings = read
      } catch {
        settings = { probability: 0, seed: settings?.seed ?? 0 }
      }
    }
    return settings.probability
  }

  /** mulberry32 */
  function random() {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** The code that this call fails with, or nothing. */
  function fault(call, codes, detail = '') {
    if (inside) return undefined
    inside = true
    try {
      if (random() >= probability()) return undefined
      const code = codes[Math.floor(random() * codes.length)]
      appendFileSync(`${control}.log`, `${role} ${process.pid} ${call} ${code} ${detail}\n`)
      return code
    } finally {
      inside = false
    }
  }

  function failure(call, code, path) {
    const errno = -os.constants.errno[code]
    const error = new Error(`${code}: injected, ${call}${path === undefined ? '' : ` '${path}'`}`)
    return Object.assign(error, {
      code,
      errno,
      syscall: call,
      ...(path === undefined ? {} : { path }),
    })
  }

  const isOurs = (path) =>
    typeof path !== 'string' || path.startsWith(home) || path.startsWith('/proc/')
  const OPEN = ['EMFILE', 'ENFILE', 'ENOSPC']
  const WRITE = ['ENOSPC', 'EAGAIN', 'ENOMEM']

  function patchSync(name, call, codes) {
    const original = fs[name]
    fs[name] = function (path, ...rest) {
      const isRead = name === 'openSync' && (rest[0] ?? 'r') === 'r'
      const possible = isRead ? codes.filter((code) => code !== 'ENOSPC') : codes
      const code = isOurs(path) ? fault(call, possible, String(path)) : undefined
      if (code !== undefined) throw failure(call, code, path)
      return original.call(fs, path, ...rest)
    }
  }
  for (const [name, call, codes] of [
    ['openSync', 'open', OPEN],
    ['readFileSync', 'open', ['EMFILE', 'ENFILE']],
    ['readdirSync', 'scandir', ['EMFILE', 'ENFILE']],
    ['writeFileSync', 'open', OPEN],
    ['writeSync', 'write', WRITE],
    ['renameSync', 'rename', ['ENOSPC', 'ENOMEM']],
    ['linkSync', 'link', ['ENOSPC']],
    ['fsyncSync', 'fsync', ['ENOSPC', 'EIO']],
  ])
    patchSync(name, call, codes)

  for (const [name, call, codes] of [
    ['open', 'open', OPEN],
    ['write', 'write', WRITE],
    ['writev', 'writev', WRITE],
    ['rename', 'rename', ['ENOSPC']],
    ['fsync', 'fsync', ['ENOSPC', 'EIO']],
  ]) {
    const original = fs[name]
    fs[name] = function (path, ...rest) {
      const code = isOurs(path) ? fault(call, codes, String(path)) : undefined
      if (code === undefined) return original.call(fs, path, ...rest)
      const done = rest.findLast((one) => typeof one === 'function')
      process.nextTick(() => done(failure(call, code, path)))
      return undefined
    }
  }

  for (const [name, call, codes] of [
    ['open', 'open', OPEN],
    ['rename', 'rename', ['ENOSPC', 'ENOMEM']],
    ['link', 'link', ['ENOSPC']],
    ['writeFile', 'open', OPEN],
  ]) {
    const original = promises[name]
    promises[name] = async function (path, ...rest) {
      const code = isOurs(path) ? fault(call, codes, String(path)) : undefined
      if (code !== undefined) throw failure(call, code, path)
      const result = await original.call(promises, path, ...rest)
      return name === 'open' ? faultyHandle(result) : result
    }
  }

  function faultyHandle(handle) {
    for (const [name, call, codes] of [
      ['sync', 'fsync', ['ENOSPC', 'EIO']],
      ['write', 'write', WRITE],
      ['writev', 'writev', WRITE],
      ['writeFile', 'write', WRITE],
    ]) {
      const original = handle[name]
      handle[name] = async function (...args) {
        const code = fault(call, codes)
        if (code !== undefined) throw failure(call, code)
        return original.apply(handle, args)
      }
    }
    return handle
  }

  /** Below this, Node's own handling of what the kernel says is at work. */
  function patchHandle(binding, type, method, codes) {
    const { prototype } = process.binding(binding)[type]
    const original = prototype[method]
    if (original === undefined) return
    prototype[method] = function (...args) {
      const code = fault(`${type}.${method}`, codes)
      return code === undefined ? original.apply(this, args) : -os.constants.errno[code]
    }
  }
  patchHandle('process_wrap', 'Process', 'spawn', ['EAGAIN', 'ENOMEM', 'EMFILE', 'ENFILE'])
  for (const [binding, type] of [
    ['pipe_wrap', 'Pipe'],
    ['tcp_wrap', 'TCP'],
  ]) {
    patchHandle(binding, type, 'bind', ['EADDRINUSE', 'EMFILE'])
    patchHandle(binding, type, 'bind6', ['EADDRINUSE', 'EMFILE'])
    patchHandle(binding, type, 'listen', ['EADDRINUSE', 'ENOMEM'])
    patchHandle(binding, type, 'connect', ['EMFILE', 'EAGAIN'])
    for (const method of ['writeUtf8String', 'writeBuffer', 'writev', 'writeLatin1String'])
      patchHandle(binding, type, method, ['EPIPE', 'ENOMEM'])
  }
}
