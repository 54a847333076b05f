/*
 * Fencepost push: asks for permission, subscribes, and has the service worker tell the gateway.
 *
 *   import { subscribe, unsubscribe } from "/fencepost-push.js";
 *   button.onclick = () => subscribe({ gateway: "/fencepost", key: "pk_…", who: { user_id: "u42" } });
 *
 * gateway: where the gateway is as the page sees it, at the site's own origin. key: its write key.
 * who: the visitor; a random anonymous_id is made when there is none. device, secret: those your page
 * uses already; made and kept otherwise. worker: where fencepost-sw.js lies.
 */
const KEPT = "fencepost-push";

function settled({ worker = "/fencepost-sw.js", ...given }) {
  const kept = JSON.parse(localStorage.getItem(KEPT) || "null") || {
    device: crypto.randomUUID(), secret: crypto.randomUUID(), anonymous_id: crypto.randomUUID(),
  };
  localStorage.setItem(KEPT, JSON.stringify(kept));
  const { anonymous_id, ...device } = kept;
  return { worker, ...device, ...given, who: { anonymous_id, ...given.who } };
}

function tell(registration, message) {
  return new Promise((resolve, reject) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = ({ data }) => (data ? reject(new Error(data)) : resolve());
    registration.active.postMessage({ fencepost: "tell", ...message }, [port2]);
  });
}

/** Gives "granted", or why not: "denied", "dismissed", "unsupported". Call it from a click. */
export async function subscribe(given) {
  if (!("PushManager" in window && "serviceWorker" in navigator)) return "unsupported";
  const permission = await Notification.requestPermission();
  if (permission !== "granted") return permission === "denied" ? "denied" : "dismissed";
  const { worker, ...settings } = settled(given);
  await navigator.serviceWorker.register(worker);
  const registration = await navigator.serviceWorker.ready;
  const answer = await fetch(`${settings.gateway}/v1/config`, {
    headers: {
      Authorization: `Bearer ${settings.key}`,
      "Fencepost-Device": `${settings.device}.${settings.secret}`,
    },
  });
  settings.vapid = (await answer.json()).vapid_public_key;
  const options = { userVisibleOnly: true, applicationServerKey: settings.vapid };
  const subscription = await registration.pushManager.subscribe(options);
  await tell(registration, { settings, subscription: subscription.toJSON(), removed: false });
  return "granted";
}

/** Ends the subscription, here and at the gateway. */
export async function unsubscribe(given) {
  const { worker, ...settings } = settled(given);
  const registration = await navigator.serviceWorker.ready;
  const subscription = await registration.pushManager.getSubscription();
  if (!subscription) return;
  await subscription.unsubscribe();
  await tell(registration, { settings, subscription: subscription.toJSON(), removed: true });
}
