/** A daemon that the system's service manager starts, and starts again. */

/** Set in its unit: `systemd`, `openrc`, `launchd`. No process that it starts has it. */
export const INIT_ENV = 'LBM_INIT'

/** How it leaves to be started anew: units say that this is to be followed by a start (EX_TEMPFAIL of sysexits.h). */
export const EXIT_FOR_RESTART = 75
