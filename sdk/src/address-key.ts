/**
 * What counts as one address, for whoever counts by addresses: an IPv4 address whole, an IPv6 address by its first 64 bits, since everybody who has
 * one such network has all of its addresses. Empty, for a Unix socket, stays empty. Takes `ConnectionInfo.address`; checks nothing.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  const [front = '', back] = address.split('::', 2);
  const groups = front === '' ? [] : front.split(':');
  if (back !== undefined) {
    // The groups that are left out are zeros; an IPv4 address at the end stands for two groups, far behind the first four.
    const rest = back === '' ? [] : back.split(':');
    const missing = 8 - groups.length - rest.length - (back.includes('.') ? 1 : 0);
    for (let i = 0; i < missing; i += 1) groups.push('0');
    groups.push(...rest);
  }
  return `${groups.slice(0, 4).map(shortest).join(':')}::/64`;
}

/** A proxy may write an address otherwise than the kernel does. */
function shortest(group: string): string {
  return group.replace(/^0+(?=.)/, '').toLowerCase();
}
