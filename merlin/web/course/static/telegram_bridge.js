// The way to the Telegram app: what this page needs of Telegram's own script, no more.

export function bridge(said) {
  const heard = {};
  const send = (type, data = "") => {
    const body = JSON.stringify(data);
    if (window.TelegramWebviewProxy) window.TelegramWebviewProxy.postEvent(type, body);
    else if (window.external && "notify" in window.external) window.external.notify(JSON.stringify({ eventType: type, eventData: data }));
    else if (window.parent !== window) window.parent.postMessage(JSON.stringify({ eventType: type, eventData: data }), "https://web.telegram.org");
  };
  const receive = (type, data) => heard[type]?.forEach((act) => act(data ?? {}));
  window.TelegramGameProxy = { receiveEvent: receive };
  window.Telegram = { WebView: window.TelegramGameProxy };
  window.addEventListener("message", (event) => {
    if (event.source !== window.parent || !/^https:\/\/([a-z]+\.)?telegram\.org$/.test(event.origin)) return;
    try {
      const { eventType, eventData } = JSON.parse(event.data);
      receive(eventType, eventData);
    } catch {
      // Not a message of Telegram's.
    }
  });
  const on = (type, act) => (heard[type] ??= []).push(act);
  return {
    themeParams: JSON.parse(said.get("tgWebAppThemeParams") ?? "{}"),
    ready: () => send("web_app_ready"),
    expand: () => send("web_app_expand"),
    onThemeChanged: (act) => on("theme_changed", act),
    setHeaderColor: (color) => send("web_app_set_header_color", { color }),
    setBackgroundColor: (color) => send("web_app_set_background_color", { color }),
    BackButton: {
      show: () => send("web_app_setup_back_button", { is_visible: true }),
      onClick: (act) => on("back_button_pressed", act),
    },
  };
}
