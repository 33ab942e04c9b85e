// The measure: what a Node programmer writes by hand.
const cluster = require('node:cluster')

if (cluster.isPrimary) {
  let listening = 0
  cluster.on('listening', () => {
    listening += 1
    if (listening === Number(process.env.COUNT)) process.send({ pids: pids() })
  })
  const pids = () => Object.values(cluster.workers).map(({ process: { pid } }) => pid)
  for (let n = 0; n < Number(process.env.COUNT); n++) cluster.fork()
} else {
  module.exports = require('./app.cjs')
}
