import { readdirSync, readFileSync } from 'node:fs';
import t from 'tap';
import { checkFeatures, featureNames } from './index.js';

t.setTimeout(120_000);

/** The names that `criu check --feature` of CRIU 4.2 takes (criu(8)). */
const CRIU_NAMES = (
  'mnt_id mem_dirty_track aio_remap timerfd tun tun_ns userns fdinfo_lock seccomp_suspend seccomp_filters loginuid cgroupns autofs tcp_half_closed compat_cr ' +
  'uffd uffd-noncoop can_map_vdso sk_ns sk_unix_file net_diag_raw nsid link_nsid kcmp_epoll timens external_net_ns clone3_set_tid newifindex nftables has_ipt_legacy ' +
  'pidfd_store ns_pid apparmor_stacking network_lock_nftables sockopt_buf_lock memfd_hugetlb move_mount_set_group openat2 get_rseq_conf ipv6_freebind pagemap_scan ' +
  'timer_cr_ids overlayfs_maps breakpoints pagemap_scan_guard_pages'
).split(' ');

t.test('names', async (t) => {
  t.equal(CRIU_NAMES.length, 45);
  t.same([...featureNames].slice(0, 45).sort(), [...CRIU_NAMES].sort(), "CRIU's first");
  t.equal(new Set(featureNames).size, featureNames.length, 'no name is there twice');
  await t.rejects(checkFeatures({ names: ['nothing'] }), { name: 'RangeError' });
});

/** What probes could leave behind, and nobody else makes. */
const traces = (): unknown => ({
  descriptors: readdirSync('/proc/self/fd').length,
  children: childCount(),
  mounts: readFileSync('/proc/self/mountinfo', 'latin1').split('\n').filter((line) => / - (tmpfs check|overlay overlay \S*upperdir=\/tmp\/upper|autofs auto) /.test(line)),
  links: readFileSync('/proc/net/dev', 'latin1').split('\n').filter((line) => /^ *(near|far|check0):/.test(line)),
});

function childCount(): number {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/stat`, 'latin1').replace(/^.*\) /, '').split(' ')[1] === String(process.pid);
    } catch {
      return false;
    }
  }).length;
}

t.test('every feature is tried, and nothing is left behind', async (t) => {
  // What is mapped and opened once for all.
  await checkFeatures({ names: ['ptrace'] });
  const before = traces();
  const { features, good, complete } = await checkFeatures();
  t.equal(features.length, featureNames.length);
  for (const { name, present, reason } of features) t.ok(present || reason === undefined || reason.length > 0, `${name}: ${present ? 'there' : (reason ?? 'missing')}`);
  t.equal(good, features.every(({ category, present }) => present || category !== 'basic'));
  t.equal(complete, features.every(({ present }) => present));
  t.same(traces(), before, 'descriptors, children, mounts, network devices');
  // Facts of /proc that can be seen without trying.
  const present = (name: string): boolean | undefined => features.find((feature) => feature.name === name)?.present;
  t.equal(present('ns_pid'), /^NSpid:/m.test(readFileSync('/proc/self/status', 'latin1')));
  t.equal(present('mnt_id'), /^mnt_id:/m.test(readFileSync('/proc/self/fdinfo/0', 'latin1')));
});
