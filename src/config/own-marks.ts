/** What belongs to the calling process itself: Node's channel to its parent, PM2's and lbm's marks of an instance. */

const OWN_MARKS = new Set([
  'NODE_CHANNEL_FD',
  'NODE_CHANNEL_SERIALIZATION_MODE',
  'NODE_UNIQUE_ID',
  'LBM_AGENT',
  'LBM_APP',
  'LBM_INSTANCE',
  'LBM_LEADER',
  'LBM_AS_PM2',
  'LBM_FOREGROUND',
  'NODE_APP_INSTANCE',
  'pm_id',
])

/** True for what an app must not get from the calling shell. */
export function isOwnMark(name: string): boolean {
  return OWN_MARKS.has(name)
}
