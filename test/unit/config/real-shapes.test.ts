/** The shapes that ecosystem files of public projects have, written anew: each loads, in the mode it means. */

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

import { afterAll, expect, test } from 'vitest'

import { loadConfigFile } from '../../../src/config/load.ts'
import { readApps } from '../../../src/config/read-apps.ts'

const folder = mkdtempSync(join(tmpdir(), 'lbm-shapes-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text = ''): string {
  const path = join(folder, name)
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
  return path
}

const SCRIPTS = [
  'app.js',
  'server.mjs',
  'worker.js',
  'dist/main.js',
  'server/index.js',
  'bot.py',
  'run.sh',
  'app.jar',
  'index.php',
  '.next/standalone/server.js',
]
for (const name of [...SCRIPTS, '.env.production']) file(name)
for (const name of ['java', 'python3', 'bash', 'php', 'tunnel', 'bun'])
  chmodSync(file(`bin/${name}`, '#!/bin/sh\n'), 0o755)
for (const name of ['npm', 'pnpm', 'log-server'])
  chmodSync(file(`bin/${name}`, '#!/usr/bin/env node\n'), 0o755)

interface Shape {
  /** Default: a CommonJS file. */
  name?: string
  text: string
  /** name, mode, instances of each. */
  apps: [string, 'fork' | 'cluster', number][]
  environment?: string
}

const js = (apps: string): string => `module.exports = { apps: [${apps}] }`

const SHAPES: Record<string, Shape> = {
  'one script': { text: js(`{ name: 'api', script: './app.js' }`), apps: [['api', 'fork', 1]] },
  'all CPUs, environments, a memory limit': {
    text: js(`{ name: 'api', script: './app.js', instances: 'max', autorestart: true, watch: false, max_memory_restart: '1G',
      env: { NODE_ENV: 'development' }, env_production: { NODE_ENV: 'production', PORT: 5000, NODE_OPTIONS: '--max-http-header-size=16384' } }`),
    apps: [['api', 'cluster', 4]],
    environment: 'production',
  },
  'a count as text': {
    text: js(
      `{ name: 'x', script: 'app.js', instances: '2', exec_mode: 'cluster', port: '8000', env: { A: 'b' } }`,
    ),
    apps: [['x', 'cluster', 2]],
  },
  'npm start': {
    text: js(
      `{ name: 'web', script: 'npm', args: 'start', cwd: './', env: { NODE_ENV: 'production', PORT: 3000 } }`,
    ),
    apps: [['web', 'fork', 1]],
  },
  'npm run with an array': {
    text: js(
      `{ name: 'web', script: 'npm', args: ['run', 'start:prod'], instances: 1, exec_mode: 'fork' }`,
    ),
    apps: [['web', 'fork', 1]],
  },
  'pnpm without an interpreter': {
    text: js(`{ name: 'web', script: 'pnpm', args: 'start', interpreter: 'none', watch: false, max_restarts: 3, min_uptime: 180000, restart_delay: 20000,
      exp_backoff_restart_delay: 5000, kill_timeout: 30000, listen_timeout: 120000, log_date_format: 'YYYY-MM-DD HH:mm:ss Z' }`),
    apps: [['web', 'fork', 1]],
  },
  'a built framework with its port as an argument': {
    text: js(
      `{ name: 'site', script: '.next/standalone/server.js', args: 'start -p 3000', cwd: __dirname, instances: 1, exec_mode: 'fork', time: true }`,
    ),
    apps: [['site', 'fork', 1]],
  },
  'an ES module that waits for its workers': {
    text: js(
      `{ name: 'api', script: 'server.mjs', instances: 2, exec_mode: 'cluster', kill_timeout: 40000, wait_ready: true, listen_timeout: 60000 }`,
    ),
    apps: [['api', 'cluster', 2]],
  },
  'every log key': {
    text: js(`{ name: 'api', script: 'app.js', error_file: './logs/err.log', out_file: './logs/out.log', log_file: './logs/combined.log', pid_file: './p.pid',
      log_date_format: 'YYYY-MM-DD HH:mm Z', merge_logs: true, combine_logs: true, time: true, log_type: 'json' }`),
    apps: [['api', 'fork', 1]],
  },
  'short log keys': {
    text: js(
      `{ name: 'api', script: 'app.js', error: 'e.log', output: 'o.log', log: 'l.log', pid: 'p.pid' }`,
    ),
    apps: [['api', 'fork', 1]],
  },
  'watch with polling': {
    text: js(`{ name: 'dev', script: require('node:path').join(__dirname, 'app.js'), watch: [__dirname], ignore_watch: [__dirname + '/node_modules'],
      watch_options: { persistent: true, ignoreInitial: true, usePolling: true, interval: 1000 } }`),
    apps: [['dev', 'fork', 1]],
  },
  'watch everything but some': {
    text: js(
      `{ name: 'bot', script: 'run.sh', watch: ['events', 'index.js'], watch_delay: 1000, ignore_watch: ['node_modules', 'db'] }`,
    ),
    apps: [['bot', 'fork', 1]],
  },
  'watch by a condition': {
    text: js(
      `{ name: 'x', script: 'app.js', watch: process.env.NODE_ENV === 'development', node_args: process.env.NOTHING ? '--x' : '' }`,
    ),
    apps: [['x', 'fork', 1]],
  },
  'a service and a job': {
    text: `module.exports = [
      { script: 'app.js', name: 'api', exec_mode: 'cluster', instances: 2, exp_backoff_restart_delay: 100, max_restarts: 3 },
      { name: 'delete old rows', script: 'worker.js', cron_restart: '0 * * * *', autorestart: false },
    ]`,
    apps: [
      ['api', 'cluster', 2],
      ['delete old rows', 'fork', 1],
    ],
  },
  'several services from a table': {
    text: `const base = { script: 'dist/main.js', autorestart: true, max_restarts: 3 }
      module.exports = { apps: [['users', 6501], ['mail', 6502]].map(([name, port]) => ({ ...base, name, env: { PORT: port } })) }`,
    apps: [
      ['users', 'fork', 1],
      ['mail', 'fork', 1],
    ],
  },
  'node arguments as a list': {
    text: js(
      `{ name: 'api', script: 'dist/main.js', interpreter: 'node', node_args: ['-r', './load-env.cjs', '--max-old-space-size=256'] }`,
    ),
    apps: [['api', 'fork', 1]],
  },
  'node arguments as text': {
    text: js(`{ name: 'api', script: 'dist/main.js', nodeArgs: '--harmony --no-warnings' }`),
    apps: [['api', 'fork', 1]],
  },
  Python: {
    text: js(
      `{ name: 'bot', script: 'bot.py', interpreter: 'python3', interpreter_args: '-u', env: { TZ: 'UTC' } }`,
    ),
    apps: [['bot', 'fork', 1]],
  },
  'Java by its interpreter': {
    text: js(
      `{ name: 'node', script: 'app.jar', interpreter: 'java', interpreter_args: '-Xms64m -Xmx256m -jar', max_restarts: 5, min_uptime: '15s' }`,
    ),
    apps: [['node', 'fork', 1]],
  },
  'Java as a program': {
    name: 'app.json',
    text: `{ "apps": [{ "name": "War", "cwd": ".", "args": ["-jar", "app.jar" /* here */], "env": {}, "script": "java", "node_args": [],
      "log_date_format": "YYYY-MM-DD HH:mm Z", "exec_interpreter": "none", "exec_mode": "fork" }] }`,
    apps: [['War', 'fork', 1]],
  },
  'an interpreter that is empty': {
    name: 'b.json',
    text: `{ "name": "m", "script": "java", "args": ["-jar", "x.jar"], "exec_interpreter": "", "exec_mode": "fork" }`,
    apps: [['m', 'fork', 1]],
  },
  'a shell script in a cluster': {
    name: 'c.json',
    text: `{ "apps": { "name": "test", "script": "./run.sh", "exec_interpreter": "bash", "min_uptime": "60s", "max_restarts": 30, "exec_mode": "cluster_mode" } }`,
    apps: [['test', 'fork', 1]],
  },
  'a tunnel beside the app': {
    text: js(
      `{ name: 'api', script: 'app.js', shutdown_with_message: true }, { name: 'tunnel', script: 'tunnel', args: 'tunnel --url http://localhost:3001', instances: 1, autorestart: true }`,
    ),
    apps: [
      ['api', 'fork', 1],
      ['tunnel', 'fork', 1],
    ],
  },
  'an instance variable, chosen by the command line': {
    text: `const env = process.argv.includes('--env') ? 'production' : 'development'
      ${js(`{ name: 'chat', script: './app.js', instance_var: 'INSTANCE_ID', exec_mode: 'cluster', instances: env === 'production' ? 4 : 1, env_production: { A: '1' } }`)}`,
    apps: [['chat', 'cluster', 1]],
  },
  'ports that count up': {
    text: js(
      `{ name: 'api', script: 'app.js', instances: 3, exec_mode: 'fork', increment_var: 'PORT', env: { PORT: 3000 } }`,
    ),
    apps: [['api', 'fork', 3]],
  },
  'an env file': {
    text: js(
      `{ name: 'api', script: 'app.js', env_file: '.env.production', env: { NODE_ENV: 'production' } }`,
    ),
    apps: [['api', 'fork', 1]],
  },
  'a deploy section': {
    text: `module.exports = { apps: [{ name: 'web', script: 'app.js' }], deploy: { production: { user: 'node', host: ['a', 'b'], ref: 'origin/master',
      repo: 'git@example.com:x.git', path: '/srv/x', 'post-deploy': 'npm install && pm2 reload ecosystem.config.js --env production' } } }`,
    apps: [['web', 'fork', 1]],
  },
  'YAML with PM2 short keys': {
    name: 'process.yml',
    text: 'apps:\n  - name: arena\n    script: app.js\n    instances: max\n    exec_mode: cluster\n    max_memory_restart: 500M\n    env:\n      PORT: 3001\n      HOST: 0.0.0.0\n    error: logs/err.log\n    out: logs/out.log\n    min_uptime: 10s\n',
    apps: [['arena', 'cluster', 4]],
  },
  'YAML with an empty key': {
    name: 'd.yaml',
    text: 'apps:\n  - script: ./app.js\n    name: api\n    env:\n    watch:\n',
    apps: [['api', 'fork', 1]],
  },
  'a global program as a cluster of all CPUs': {
    name: 'e.yaml',
    text: "apps:\n  - script : log-server\n    name: 'log-server'\n    instances: 0\n    exec_mode: cluster\n    merge_logs: true\n    args: '--web-port 8080 --web-host 127.0.0.1'\n",
    apps: [['log-server', 'cluster', 4]],
  },
  'an old file with lists in texts': {
    name: 'processes.json',
    text: `[{ "name": "echo", "script": "app.js", "args": "['--toto=heya coco', '-d', '1']", "env": { "TOKEN": "xxx" } },
      { "name": "api", "script": "worker.js", "instances": "4", "error_file": "./e.log", "exec_mode": "cluster_mode", "port": 9005 },
      { "name": "auto-kill", "script": "app.js", "min_uptime": "100", "exec_mode": "fork_mode", }]`,
    apps: [
      ['echo', 'fork', 1],
      ['api', 'cluster', 4],
      ['auto-kill', 'fork', 1],
    ],
  },
  'package.json': {
    name: 'package.json',
    text: `{ "name": "x", "scripts": { "start": "pm2 start" }, "pm2": [{ "name": "x", "script": "server/index.js" }] }`,
    apps: [['x', 'fork', 1]],
  },
  'an ES module': {
    name: 'f.config.mjs',
    text: `export default { apps: [{ name: 'web', script: 'npm', args: 'run dev', cwd: './', env: { PORT: 5173 }, instances: 1, exec_mode: 'fork' }] }`,
    apps: [['web', 'fork', 1]],
  },
  Bun: {
    text: js(
      `{ name: 'api', script: 'app.js', interpreter: 'bun', env: { PATH: process.env.HOME + '/.bun/bin:' + process.env.PATH } }`,
    ),
    apps: [['api', 'fork', 1]],
  },
  'switches that PM2 has': {
    text: js(`{ name: 'api', script: 'app.js', vizion: false, pmx: false, automation: false, source_map_support: true, treekill: true, disable_logs: false, windowsHide: true,
      trace: false, io: { apm: { enabled: false } }, post_update: ['npm install'], force: true, namespace: 'blue', stop_exit_codes: [0], instances: -1, append_env_to_name: true }`),
    apps: [['api-production', 'cluster', 3]],
    environment: 'production',
  },
  'numbers as text': {
    text: js(
      `{ name: 'j', script: 'app.js', restart_delay: '60', max_restarts: '30', kill_timeout: '5000', listen_timeout: '3000' }`,
    ),
    apps: [['j', 'fork', 1]],
  },
}

test.each(Object.entries(SHAPES))('%s', async (title, { name, text, apps, environment }) => {
  const path = file(name ?? `${title.replaceAll(/\W+/g, '-')}.config.cjs`, text)
  const { specs } = readApps(await loadConfigFile(path), {
    file: path,
    cwd: folder,
    env: { PATH: join(folder, 'bin') },
    environmentName: environment,
    cpus: () => 4,
  })
  expect(specs.map((spec) => [spec.name, spec.mode, spec.instances])).toEqual(apps)
})

test('they are more than thirty', () => {
  expect(Object.keys(SHAPES).length).toBeGreaterThan(30)
})
