engine-cluster-missing = Для обучения на нескольких машинах нужен Ray, он не установлен. Выполните make engine в копии репозитория на каждой из них и создайте обучение заново.
engine-cluster-away = До кластера Ray по адресу { $cluster } не достучаться. Запустите его (ray start --head, затем ray start --address на остальных) или исправьте engine.training.cluster.
