/*
 * Fencepost service worker: shows what is pushed, and tells what becomes of it.
 *
 * Lies at your site's own origin, or is imported into your own worker: importScripts("/fencepost-sw.js").
 * What is pushed by others has no delivery_id and is left alone.
 *
 * Rule 1. A delivery is shown once on a device: its id is remembered for 35 days. Where nothing can be
 *         remembered, the tag still lets a repeat replace what it repeats.
 * Rule 2. "displayed", "clicked" and "dismissed" go to the link that the message carries. It names one
 *         delivery and nobody; a report that does not get there is lost, and breaks nothing.
 * Rule 3. A click opens web pages only, by preference the one that is open already.
 * Rule 4. A subscription that the browser changes is taken anew and told to the gateway.
 */
(() => {
  "use strict";
  const clicked = new Set(); // closed by us: Firefox says so as if a person had done it
  const KEPT_MS = 35 * 24 * 60 * 60 * 1000;

  const open = () =>
    new Promise((resolve, reject) => {
      const asked = indexedDB.open("fencepost-push", 1);
      asked.onupgradeneeded = () => {
        asked.result.createObjectStore("shown", { keyPath: "id" }).createIndex("at", "at");
        asked.result.createObjectStore("settings");
      };
      asked.onsuccess = () => resolve(asked.result);
      asked.onerror = () => reject(asked.error);
    });

  // One transaction; resolves when it is complete.
  const within = async (name, mode, work) => {
    const db = await open();
    try {
      return await new Promise((resolve, reject) => {
        const transaction = db.transaction(name, mode);
        const asked = work(transaction.objectStore(name));
        transaction.oncomplete = () => resolve(asked.result);
        transaction.onabort = () => reject(transaction.error);
      });
    } finally {
      db.close();
    }
  };

  const isNew = async (id) => {
    const at = Date.now();
    try {
      await within("shown", "readwrite", (shown) => {
        shown.index("at").openCursor(IDBKeyRange.upperBound(at - KEPT_MS)).onsuccess = (event) => {
          const old = event.target.result;
          if (old) old.delete(), old.continue();
        };
        return shown.add({ id, at });
      });
      return true;
    } catch (error) {
      return error?.name !== "ConstraintError"; // Rule 1
    }
  };

  const report = async (said, what, action) => {
    try {
      // Without CORS: nothing is read, so the gateway need not know the site.
      await fetch(said.report, {
        method: "POST", mode: "no-cors", credentials: "omit", keepalive: true,
        body: JSON.stringify(action ? { what, action } : { what }),
      });
    } catch {
      // Rule 2
    }
  };

  const show = async (event) => {
    let said;
    try {
      said = event.data.json();
    } catch {
      return;
    }
    if (!said?.delivery_id || !(await isNew(said.delivery_id))) return;
    const { delivery_id: tag, title, body, icon, actions = [] } = said;
    await self.registration.showNotification(title || "", { tag, body, icon, actions, data: said });
    if (said.report) await report(said, "displayed");
  };

  const go = async (link) => {
    const { href, protocol } = new URL(link || "", self.registration.scope);
    if (!/^https?:$/.test(protocol)) return; // Rule 3
    const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
    const there = pages.find((page) => page.url === href);
    await (there ? there.focus() : self.clients.openWindow(href));
  };

  const tell = async (settings, subscription, removed) => {
    const { gateway, key, device, secret, who } = settings;
    const at = new Date().toISOString();
    const event = { seq: 1, event_id: crypto.randomUUID(), at, type: "address", channel: "web_push" };
    const answer = await fetch(`${gateway}/v1/batch`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${key}`, "Fencepost-Device": `${device}.${secret}`,
        "Content-Type": "application/json",
      },
      body: JSON.stringify({
        v: 1, device_id: device, stream: crypto.randomUUID(), sent_at: at, who,
        events: [{ ...event, subscription, removed }],
      }),
    });
    const told = answer.ok && (await answer.json()).verdicts;
    if (!told || told.others.length) throw new Error(`the gateway took no address: ${answer.status}`);
  };

  const change = async (event) => {
    const settings = await within("settings", "readonly", (kept) => kept.get("push"));
    const old = event.oldSubscription;
    const applicationServerKey = old?.options?.applicationServerKey || settings?.vapid;
    const taken = event.newSubscription || (await self.registration.pushManager.subscribe(
      { userVisibleOnly: true, applicationServerKey },
    ));
    for (const page of await self.clients.matchAll({ includeUncontrolled: true }))
      page.postMessage({ fencepost: "subscription", subscription: taken.toJSON() });
    if (!settings) return; // the page tells its gateway itself
    if (old) await tell(settings, old.toJSON(), true);
    await tell(settings, taken.toJSON(), false);
  };

  // From fencepost-push.js: keep how the gateway is told, and tell it.
  const heed = async ({ settings, subscription, removed }) => {
    await within("settings", "readwrite", (kept) => kept.put(settings, "push"));
    await tell(settings, subscription, removed);
  };

  self.addEventListener("push", (event) => event.waitUntil(show(event)));
  self.addEventListener("notificationclick", (event) => {
    const said = event.notification.data;
    if (!said?.delivery_id) return;
    clicked.add(said.delivery_id);
    event.notification.close();
    const chosen = said.actions?.find((each) => each.action === event.action);
    const told = said.report && report(said, "clicked", event.action);
    event.waitUntil(Promise.all([told, go(chosen?.link || said.link)]));
  });
  self.addEventListener("notificationclose", (event) => {
    const said = event.notification.data;
    if (said?.report && !clicked.delete(said.delivery_id)) event.waitUntil(report(said, "dismissed"));
  });
  self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(change(event)));
  self.addEventListener("message", (event) => {
    if (event.data?.fencepost !== "tell") return;
    event.waitUntil(heed(event.data).then(
      () => event.ports[0].postMessage(""),
      (error) => event.ports[0].postMessage(String(error.message)),
    ));
  });
})();
