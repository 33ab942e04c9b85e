// What the pipeline in deploy.yml applies. APP_DIR/current is a link to the release that is deployed.
const cwd = `${process.env.APP_DIR}/current`
// Declared: what only the shell of the pipeline has is no reason to reload.
const env = { RELEASE: '${GITHUB_SHA}' }

module.exports = {
  apps: [
    { name: 'migrate', script: 'migrate.js', type: 'job', cwd, env },
    {
      name: 'shop',
      script: 'server.js',
      cwd,
      instances: 2,
      depends_on: { migrate: 'completed' },
      env,
      env_production: { NODE_ENV: 'production', PORT: '${PORT:-3000}' },
    },
  ],
}
