"use strict";
// One button and one slider for all clips. They begin every round together, which keeps them in step.
for (const player of document.querySelectorAll(".player")) {
  const videos = [...player.querySelectorAll("video")];
  const controls = player.querySelector(".controls");
  const [button, slider, shown] = ["button", "input", "output"].map((one) => controls.querySelector(one));
  const frames = Number(player.dataset.frames);
  const rate = Number(player.dataset.rate);
  let playing = false;
  let turn = 0;

  const show = (frame) => {
    shown.value = `frame ${frame} of 0–${frames - 1}, ${(frame / rate).toFixed(3)} s`;
    slider.setAttribute("aria-valuetext", `frame ${frame}`);
  };
  // the middle of a frame, so that rounding shows no neighbour
  const sought = (video, time) => new Promise((done) => {
    video.addEventListener("seeked", done, { once: true });
    video.currentTime = time;
  });
  const seek = (frame) => Promise.all(videos.map((video) => sought(video, frame ? (frame + 0.5) / rate : 0)));
  const pause = () => {
    playing = false;
    turn += 1;
    videos.forEach((video) => video.pause());
    button.textContent = "Play";
  };
  const play = async (frame) => {
    const mine = ++turn;
    playing = true;
    button.textContent = "Pause";
    videos.forEach((video) => video.pause());
    await seek(frame);
    if (mine !== turn) return;
    try {
      await Promise.all(videos.map((video) => video.play()));
    } catch {
      if (mine === turn) pause();
    }
    follow(mine, 0);
  };
  const follow = (mine, corrected) => {
    if (mine !== turn || !playing) return;
    const now = videos[0].currentTime;
    const frame = Math.min(frames - 1, Math.floor(now * rate + 0.01));
    slider.value = frame;
    show(frame);
    if (performance.now() - corrected > 1000) {
      corrected = performance.now();
      for (const video of videos.slice(1)) {
        if (!video.ended && Math.abs(video.currentTime - now) > 1.5 / rate) video.currentTime = now;
      }
    }
    requestAnimationFrame(() => follow(mine, corrected));
  };

  for (const video of videos) {
    video.controls = false;
    video.loop = false;
  }
  videos[0].addEventListener("ended", () => playing && play(0));
  button.addEventListener("click", () => {
    if (playing) pause();
    else play(Number(slider.value) < frames - 1 ? Number(slider.value) : 0);
  });
  slider.addEventListener("input", () => {
    pause();
    seek(Number(slider.value));
    show(Number(slider.value));
  });
  controls.hidden = false;
  show(0);
}
