/** What is to be started at boot, and for whom. */

export interface Boot {
  user: string
  /** `LBM_HOME` of that user. */
  lbmHome: string
  /** The user's own folder. */
  userHome: string
  /** The Node and the program that is the daemon. */
  node: string
  daemon: string
  path: string
  /** Name of the service. */
  service: string
  waitsForNetwork: boolean
  /** systemd: in the user's own manager, without root. */
  isUserUnit: boolean
}
