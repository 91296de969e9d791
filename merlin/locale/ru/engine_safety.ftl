### Кто может обращаться к движку и сколько он вправе хранить.

engine-key-made = Ключ для «{ $name }». Он показывается один раз, сохраните его сейчас:
engine-key-revoked = Ключ «{ $name }» больше не действует. Созданное с ним осталось; новый ключ с тем же именем снова его увидит.
engine-key-exists = У «{ $name }» уже есть ключ. Сначала отзовите его или возьмите другое имя.
engine-key-unknown = Действующего ключа «{ $name }» нет. Все ключи: merlin engine keys list
engine-key-bad-name = В имени нужно от 1 до { $most } печатных знаков.
engine-key-state-good = действует
engine-key-state-revoked = отозван
engine-key-col-name = Имя
engine-key-col-key = Ключ
engine-key-col-state = Состояние
engine-key-col-made = Создан
engine-key-col-used = Последний раз
engine-key-col-answers = Ответов сегодня
engine-key-col-tokens = Токенов сегодня
engine-key-col-jobs = Незавершённых обучений
engine-key-col-bytes = Байт в файлах
engine-key-col-pace = Запросов в минуту
engine-disk-quota = Модели и обучения занимают { $used } из { $quota } ГБ (engine.training.quota_gb), и автоматически удалить больше нечего. Удалите модели, которыми не пользуются (DELETE /v1/models/…), или увеличьте квоту и создайте обучение снова.
engine-checkpoints-cleared = { $n ->
    [one] Чтобы освободить место, удалена { $n } старая контрольная точка.
    [few] Чтобы освободить место, удалены { $n } старые контрольные точки.
   *[many] Чтобы освободить место, удалено { $n } старых контрольных точек.
}
