/** The files of a home, by name. */

export interface HomePaths {
  root: string
  socket: string
  daemonPid: string
  daemonLog: string
  state: string
  /** What `lbm save` keeps for `lbm resurrect`. */
  saved: string
  /** What `lbm set` keeps. */
  settings: string
  /** Proxies that `lbm proxy … --apply` configured. */
  proxies: string
  runDir: string
  logsDir: string
  pidsDir: string
  /** Diagnostic reports of instances that hung. */
  reportsDir: string
}

/** @param root absolute path of `LBM_HOME` */
export function homePaths(root: string): HomePaths {
  return {
    root,
    socket: `${root}/daemon.sock`,
    daemonPid: `${root}/daemon.pid`,
    daemonLog: `${root}/daemon.log`,
    state: `${root}/state.json`,
    saved: `${root}/saved.json`,
    settings: `${root}/settings.json`,
    proxies: `${root}/proxies.json`,
    runDir: `${root}/run`,
    logsDir: `${root}/logs`,
    pidsDir: `${root}/pids`,
    reportsDir: `${root}/reports`,
  }
}
