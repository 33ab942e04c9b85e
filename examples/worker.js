// A worker that never listens: `lbm start examples/worker.js`. It is online once it has run for a second.
let jobs = 0

const timer = setInterval(() => {
  jobs += 1
  console.log(`job ${jobs} done`)
}, 1000)

// The stop signal: finish what is at hand, then end.
process.on('SIGINT', () => {
  clearInterval(timer)
  console.log(`stopping after ${jobs} jobs`)
})
