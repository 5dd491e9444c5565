import type { Images } from '../checkpoint/image-cache.js';
import type { net_device_entry } from '../gen/netdev.js';
import { nd_type } from '../gen/netdev.js';
import { IMAGE_TYPES, RAW_IMAGE_TYPES } from '../image-types.js';
import type { JsonObject, JsonValue } from '../json/json-text.js';
import type { RawImageType } from '../layout.js';
import { fileName } from '../layout.js';
import { rawToJson } from '../raw/raw-json.js';

/** A network namespace that the images hold, told in iproute2's words. */
export interface NetworkView {
  readonly namespace: number;
  readonly devices: readonly NetworkDeviceView[];
  /** "default via 10.1.2.1 dev eth0"; those of the table `local` are left out, which the kernel makes by itself */
  readonly routes: readonly string[];
  /** "500: from 10.0.0.0/8 lookup 77" */
  readonly rules: readonly string[];
  /** texts of iptables-save and nft, line by line */
  readonly firewall: readonly { readonly kind: 'iptables' | 'ip6tables' | 'nftables'; readonly lines: readonly string[] }[];
  /** "tcp 127.0.0.1:47298 → 127.0.0.1:5555", of conntrack */
  readonly connections: readonly string[];
}

export interface NetworkDeviceView {
  readonly index: number;
  readonly name: string;
  /** "veth", "loopback" … */
  readonly kind: string;
  readonly mtu: number;
  readonly up: boolean;
  /** "02:42:ac:11:00:02", or "" */
  readonly hardware: string;
  /** "10.1.2.3/24" */
  readonly addresses: readonly string[];
}

const IFF_UP = 1;
const RT_TABLE: Readonly<Record<number, string>> = { 253: 'default', 254: 'main', 255: 'local' };
const IP_PROTOCOLS: Readonly<Record<number, string>> = { 1: 'icmp', 6: 'tcp', 17: 'udp', 58: 'icmp6', 132: 'sctp' };

/** @throws ImageCorrupt */
export async function readNetworks(images: Images): Promise<NetworkView[]> {
  const networks: NetworkView[] = [];
  const read = async (type: RawImageType, id: bigint): Promise<JsonObject> => rawToJson(type, (await images.bytes(fileName(type, id))) ?? new Uint8Array(0));
  const messages = async (type: RawImageType, id: bigint): Promise<JsonObject[]> => (((await read(type, id)).messages as JsonObject[] | undefined) ?? []).filter((message) => message.attributes !== undefined);
  for (const id of images.ids(IMAGE_TYPES.netdev)) {
    const entries = await images.read(IMAGE_TYPES.netdev, id);
    const names = new Map(entries.map(({ ifindex, name }) => [ifindex, name]));
    const addresses = await messages(RAW_IMAGE_TYPES.ifaddr, id);
    const routes = [...(await messages(RAW_IMAGE_TYPES.route, id)), ...(await messages(RAW_IMAGE_TYPES.route6, id))];
    const firewall = [];
    for (const kind of ['iptables', 'ip6tables', 'nftables'] as const) {
      const { lines } = await read(RAW_IMAGE_TYPES[kind], id);
      if (Array.isArray(lines) && lines.length > 0) firewall.push({ kind, lines: lines as string[] });
    }
    networks.push({
      namespace: Number(id),
      devices: entries.map((entry) => deviceOf(entry, addresses)),
      // `ip route save` gives those of IPv6, too.
      routes: [...new Set(routes.filter((route) => tableOf(route) !== 255).map((route) => routeText(route, names)))],
      rules: (await messages(RAW_IMAGE_TYPES.rule, id)).map(ruleText),
      firewall,
      connections: (await messages(RAW_IMAGE_TYPES.netnfCt, id)).map(connectionText),
    });
  }
  return networks;
}

const attributesOf = (message: JsonObject): JsonObject => message.attributes as JsonObject;
const tableOf = (message: JsonObject): JsonValue => attributesOf(message).RTA_TABLE ?? attributesOf(message).FRA_TABLE ?? message.table!;

function deviceOf(entry: net_device_entry, addresses: readonly JsonObject[]): NetworkDeviceView {
  const own = addresses.filter(({ index }) => index === entry.ifindex).map((message) => `${show(attributesOf(message).IFA_LOCAL ?? attributesOf(message).IFA_ADDRESS)}/${show(message.prefixlen)}`);
  return {
    index: entry.ifindex,
    name: entry.name,
    kind: (Object.keys(nd_type).find((name) => nd_type[name as keyof typeof nd_type] === entry.type) ?? String(entry.type)).toLowerCase(),
    mtu: entry.mtu,
    up: (entry.flags & IFF_UP) !== 0,
    hardware: [...(entry.address ?? [])].map((byte) => byte.toString(16).padStart(2, '0')).join(':'),
    addresses: own,
  };
}

const show = (value: JsonValue | undefined): string => (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint' ? String(value) : '?');
const network = (address: JsonValue | undefined, length: JsonValue | undefined): string => (address === undefined ? (length === 0 ? 'default' : '?') : `${show(address)}/${show(length)}`);
const tableName = (table: JsonValue): string => (typeof table === 'number' ? (RT_TABLE[table] ?? String(table)) : '?');

function routeText(route: JsonObject, names: ReadonlyMap<number, string>): string {
  const attributes = attributesOf(route);
  const table = tableOf(route);
  const hop = (of: JsonObject, device: JsonValue | undefined): string => [...(of.RTA_GATEWAY === undefined ? [] : [`via ${show(of.RTA_GATEWAY)}`]), ...(device === undefined ? [] : [`dev ${names.get(Number(device)) ?? show(device)}`])].join(' ');
  const hops = Array.isArray(attributes.RTA_MULTIPATH) ? (attributes.RTA_MULTIPATH as JsonObject[]).map((next) => `nexthop ${hop(attributesOf(next), next.ifindex)} weight ${Number(next.hops) + 1}`) : [hop(attributes, attributes.RTA_OIF)];
  return [network(attributes.RTA_DST, route.dst_len), ...hops, ...(attributes.RTA_PRIORITY === undefined ? [] : [`metric ${show(attributes.RTA_PRIORITY)}`]), ...(table === 254 ? [] : [`table ${tableName(table)}`])].filter((part) => part !== '').join(' ');
}

function ruleText(rule: JsonObject): string {
  const attributes = attributesOf(rule);
  const mark = attributes.FRA_FWMARK === undefined ? [] : [`fwmark ${show(attributes.FRA_FWMARK)}/${show(attributes.FRA_FWMASK)}`];
  const from = attributes.FRA_SRC === undefined ? 'from all' : `from ${network(attributes.FRA_SRC, rule.src_len)}`;
  const to = attributes.FRA_DST === undefined ? [] : [`to ${network(attributes.FRA_DST, rule.dst_len)}`];
  const devices = (['IIFNAME', 'OIFNAME'] as const).flatMap((name) => (attributes[`FRA_${name}`] === undefined ? [] : [`${name.slice(0, 3).toLowerCase()} ${show(attributes[`FRA_${name}`])}`]));
  return `${show(attributes.FRA_PRIORITY ?? 0)}: ${[from, ...to, ...mark, ...devices, `lookup ${tableName(tableOf(rule))}`].join(' ')}`;
}

function connectionText(message: JsonObject): string {
  const tuple = (attributesOf(message).CTA_TUPLE_ORIG ?? {}) as JsonObject;
  const [ip, proto] = [(tuple.CTA_TUPLE_IP ?? {}) as JsonObject, (tuple.CTA_TUPLE_PROTO ?? {}) as JsonObject];
  const end = (side: 'SRC' | 'DST'): string => {
    const port = proto[`CTA_PROTO_${side}_PORT`];
    const [v4, v6] = [ip[`CTA_IP_V4_${side}`], ip[`CTA_IP_V6_${side}`]];
    return `${v4 === undefined ? `[${show(v6)}]` : show(v4)}${port === undefined ? '' : `:${show(port)}`}`;
  };
  const number = Number(proto.CTA_PROTO_NUM);
  return `${IP_PROTOCOLS[number] ?? `protocol ${number}`} ${end('SRC')} → ${end('DST')}`;
}
