/** An agent of launchd. */

import { INIT_ENV } from '../../contract/init.ts'
import type { Boot } from './boot.ts'

export function launchdPlist(boot: Boot): string {
  const variables = { PATH: boot.path, LBM_HOME: boot.lbmHome, [INIT_ENV]: 'launchd' }
  const log = `${boot.lbmHome}/launchd.log`
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- Written by "lbm startup"; "lbm unstartup" takes it away. -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${escapeXml(boot.service)}</string>
  <key>ProgramArguments</key>
  <array>
    <string>${escapeXml(boot.node)}</string>
    <string>${escapeXml(boot.daemon)}</string>
  </array>
  <key>EnvironmentVariables</key>
  <dict>
${Object.entries(variables)
  .map(
    ([name, value]) =>
      `    <key>${escapeXml(name)}</key>\n    <string>${escapeXml(value)}</string>`,
  )
  .join('\n')}
  </dict>
  <key>WorkingDirectory</key>
  <string>${escapeXml(boot.userHome)}</string>
  <key>RunAtLoad</key>
  <true/>
  <!-- "lbm kill" is an end; anything else is followed by a start. -->
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <!-- Apps do not depend on the daemon: its end is none of theirs. -->
  <key>AbandonProcessGroup</key>
  <true/>
  <key>ExitTimeOut</key>
  <integer>120</integer>
  <key>StandardOutPath</key>
  <string>${escapeXml(log)}</string>
  <key>StandardErrorPath</key>
  <string>${escapeXml(log)}</string>
</dict>
</plist>
`
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}
