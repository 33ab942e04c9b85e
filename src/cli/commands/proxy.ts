import { resolve } from 'node:path'

import type { Command } from 'commander'

import type { ProxyKey } from '../../config/proxy-from-options.ts'
import { LbmError } from '../../contract/errors.ts'
import type { ProxyAction, ProxyConfigured } from '../../contract/proxy-api.ts'
import { PROXY_ALGORITHMS, type ProxyKind } from '../../contract/proxy.ts'
import { askAbout, type Cli } from '../cli.ts'
import { currentFolder } from '../current-folder.ts'
import { sayFor } from '../output/say.ts'
import { expandSelectors } from '../selectors.ts'
import { runProxyStatus } from './proxy-status.ts'

interface ConfigureOptions {
  out?: string
  check?: boolean
  checkPath?: string
  apply?: boolean
  force?: boolean
  json?: boolean
}

/** Key, operand, help. The others are for the ecosystem file. */
const FLAGS: readonly [key: ProxyKey, operand: string, help: string][] = [
  ['listen', '<ports>', 'where it listens: 80, or 443,127.0.0.1:8080'],
  ['server_name', '<names>', 'host names that lead to the app, with commas'],
  ['path', '<prefix>', 'prefix of the URLs that lead to the app'],
  ['cert', '<file>', 'certificate (PEM)'],
  ['key', '<file>', 'its key, where it is not in the same file'],
  ['algorithm', '<word>', PROXY_ALGORITHMS.join(', ')],
  ['cookie', '<name>', 'name of the cookie of algorithm cookie'],
  ['weights', '<list>', 'by instance number: 3,1'],
  ['hosts', '<list>', 'other hosts: 10.0.0.2:21001,10.0.0.3:21001*2,10.0.0.4:21001/backup'],
  ['max_fails', '<n>', 'failures until a server is left alone for --fail-timeout'],
  ['fail_timeout', '<time>', 'how long'],
  ['agent_check', '<port>', 'port at which daemons answer agent checks (HAProxy)'],
  ['retries', '<n>', 'other servers to try; never for a POST that was sent'],
  ['connect_timeout', '<time>', 'to reach a server'],
  ['read_timeout', '<time>', 'for its answer'],
  ['client_timeout', '<time>', 'for the client'],
  ['tunnel_timeout', '<time>', 'for WebSockets'],
  ['keepalive', '<n>', 'idle connections kept to the instances'],
  ['trust', '<networks>', 'in front of the proxy, whose word about the client counts'],
  ['proxy_protocol', '<how>', 'accept, send or both'],
  ['slow_start', '<time>', 'until a server that came back has its full share (HAProxy)'],
  ['static', '<list>', 'files that nginx serves: /assets=/srv/public'],
  ['max_body', '<size>', 'of a request'],
  ['spare_servers', '<n>', 'servers for instances to come (HAProxy)'],
]

export function addProxy(program: Command, cli: Cli): void {
  const proxy = program
    .command('proxy')
    .description('nginx or HAProxy in front: write, check and apply its configuration')
    .addHelpText(
      'after',
      `
Examples:
  $ lbm proxy nginx api                              print the configuration
  $ lbm proxy nginx api --server-name example.com --apply
  $ lbm proxy haproxy api web --out lbm.cfg --check
  $ lbm proxy status
  $ lbm proxy off api`,
    )
  addKind(proxy, cli, 'nginx', 'nginx')
  addKind(proxy, cli, 'haproxy', 'HAProxy')
  proxy
    .command('status')
    .description('what the proxies say of the apps, beside what lbm says')
    .option('--json', 'print it as one JSON document')
    .action((options: { json?: boolean }) => runProxyStatus(cli, options))
  proxy
    .command('off')
    .argument('<apps...>', 'name, id, namespace, /pattern/ or all')
    .description('take the configuration of these apps away, and reload')
    .option('--force', 'although it was changed by hand')
    .option('--json', 'print the files as one JSON document')
    .action((apps: string[], options: { force?: boolean; json?: boolean }) =>
      runProxyOff(cli, apps, options),
    )
}

function addKind(proxy: Command, cli: Cli, kind: ProxyKind, name: string): void {
  const command = proxy
    .command(kind)
    .argument('<apps...>', 'name, id, namespace, /pattern/ or all')
    .description(`the configuration of ${name} for these apps`)
    .option('-o, --out <file>', 'write it there')
    .option('--check', `let the real ${name} judge it`)
    .option('--apply', 'write it, reload, and confirm that it serves; else the old one is put back')
    .option('--force', 'overwrite a file that lbm did not write, or that was changed by hand')
    .option('--json', 'print what came of it as one JSON document')
    .optionsGroup('Over what the ecosystem file says:')
  for (const [key, operand, help] of FLAGS)
    command.option(`--${key.replaceAll('_', '-')} ${operand}`, help)
  command
    .option('--check-path <path>', 'active check (HAProxy)')
    .option('--load-weights', 'weights follow the load of the event loops (HAProxy)')
    .option('--gzip', 'compress answers')
    .action((apps: string[], options: ConfigureOptions) => runProxy(cli, kind, apps, options))
}

export async function runProxy(
  cli: Cli,
  kind: ProxyKind,
  words: readonly string[],
  options: ConfigureOptions,
): Promise<void> {
  const { proxyFromOptions } = await import('../../config/proxy-from-options.ts')
  const cwd = currentFolder()
  const keys = [...FLAGS.map(([key]) => key), 'check', 'load_weights', 'gzip'] as const
  // `--check` itself asks for a judgement.
  const given = proxyFromOptions({ ...options, check: options.checkPath }, keys, {
    cwd,
    env: cli.io.env,
  })
  const selectors = await expandSelectors(cli, words)
  const out = options.out === undefined ? {} : { out: resolve(cwd, options.out) }
  const ask = (action: ProxyAction): Promise<ProxyConfigured> =>
    askAbout(cli, words, 'proxy.configure', {
      kind,
      selectors,
      options: given,
      ...out,
      action,
      force: options.force === true,
    })
  const judged = options.check === true ? await ask('check') : undefined
  const action = options.apply === true ? 'apply' : options.out === undefined ? 'print' : 'write'
  const done =
    judged !== undefined && action === 'print' ? judged : { ...judged, ...(await ask(action)) }
  if (options.json === true) {
    cli.io.out(JSON.stringify(done, null, 2))
    return
  }
  await tell(cli, done, action)
}

async function tell(cli: Cli, done: ProxyConfigured, action: ProxyAction): Promise<void> {
  const say = await sayFor(cli)
  for (const note of done.notes) say.warn(note)
  // Data goes to stdout, what is said of it to stderr.
  if (action === 'print') {
    cli.io.write(done.text)
    if (done.judgement !== undefined && !cli.silent) cli.io.err(done.judgement)
    return
  }
  if (done.judgement !== undefined) say.info(`${done.kind} takes it`)
  if (action === 'write') say.info(`Written: ${done.file}`)
  else if (done.confirmedAfterMs === undefined) say.info(`${done.file} serves already`)
  else say.info(`${done.file} serves (confirmed after ${done.confirmedAfterMs} ms)`)
}

async function runProxyOff(
  cli: Cli,
  words: readonly string[],
  { force = false, json = false }: { force?: boolean; json?: boolean },
): Promise<void> {
  const selectors = words.length === 0 ? undefined : [...words]
  if (selectors === undefined) throw new LbmError('USAGE', 'Name the apps.')
  const { files } = await askAbout(cli, words, 'proxy.off', { selectors, force })
  if (json) cli.io.out(JSON.stringify({ files }, null, 2))
  const say = await sayFor(json ? { ...cli, silent: true } : cli)
  for (const file of files) say.info(`Taken away: ${file}`)
}
