# Два человека для опасного действия: один просит, другой подтверждает.
approval-title = ✋ Ждут подтверждения
approval-nothing = Ничего не ждёт подтверждения.
approval-act-grant = выдать роль: { $role }{ $scope }
approval-act-revoke = снять роль: { $role }{ $scope }
approval-act-refund = вернуть { $price } за заказ { $order }, причина: { $reason }
approval-act-promote = сделать текущей модель { $model }
approval-act-accept = принять изменившиеся ответы модели { $model }
approval-act-rollback = вернуть прежнюю модель { $model }
approval-line = { $what } — { $subject }. Просит { $by }, ждёт до { $until }.
approval-line-own = { $what } — { $subject }. Просите вы, ждёт до { $until }.
approval-approve = ✅ Подтвердить
approval-approve-yes = Да, подтвердить
approval-decline = ❌ Отклонить
approval-open = ✋ Ждут подтверждения ({ $count })
approval-result-approved = Подтверждено, действие начато.
approval-result-declined = Отклонено.
approval-result-withdrawn = Заявка отменена.
approval-result-failed = Подтверждено, но выполнить не получилось: { $reason }
approval-needed = Это действие подтверждает другой администратор. Заявка { $number } отправлена и ждёт 24 часа.
approval-none = Заявка { $number } не найдена. Откройте список заявок ещё раз.
approval-decided = Заявка { $number } уже { $state ->
        [approved] подтверждена, действие начато
        [failed] подтверждена, но выполнить её не получилось
        [declined] отклонена
       *[other] не ждёт решения
    }.
approval-own = Свою заявку подтвердить нельзя, это делает другой администратор.
approval-asker-blocked = Доступ автора заявки закрыт.
approval-subject-erased = Человек, о котором шла речь, удалил свои данные.
approval-asker-lost = У автора заявки больше нет на это прав.
notice-approval-asked = { $by } просит: { $what } — { $subject }. Нужно ваше подтверждение, заявка ждёт 24 часа.
notice-approval-approved = Заявка { $number } подтверждена, действие начато: { $what }. Кто: { $by }.
notice-approval-declined = Заявка { $number } отклонена: { $what }. Кто: { $by }.
notice-approval-failed = Заявка { $number } подтверждена, но выполнить её не получилось: { $what }. Кто подтвердил: { $by }. { $reason }
notice-approval-expired = Заявку { $number } за 24 часа никто не подтвердил: { $what }. Если она ещё нужна, повторите её.
audit-approval-ask = запрошено подтверждение
audit-approval-approve = подтверждено
audit-approval-decline = отклонено
page-section-approvals = Заявки
page-approvals-lead = Эти действия начнутся, когда их подтвердит другой администратор.
page-approvals-none = Ничего не ждёт подтверждения
page-approvals-none-hint = Здесь появятся возвраты, роли и модели, если в настройках есть security.two_people.
page-approvals-own = Просите вы
page-approvals-by = Просит { $name }
page-approvals-until = до { $at }
page-approvals-approve = Подтвердить
page-approvals-decline = Отклонить
page-approvals-withdraw = Отменить заявку
page-approvals-sure = Подтвердить? Действие начнётся сразу.
page-approvals-waiting = { $count ->
        [one] { NUMBER($count) } заявка ждёт вашего подтверждения
        [few] { NUMBER($count) } заявки ждут вашего подтверждения
       *[many] { NUMBER($count) } заявок ждут вашего подтверждения
    }
page-result-asked = Заявка отправлена: её подтвердит другой администратор.
page-result-approved = { approval-result-approved }
page-result-declined = { approval-result-declined }
page-about-act = действие
page-about-number = номер
page-about-asked_by = просил
config-two-people = нужно хотя бы два администратора в telegram.admins, иначе подтвердить некому
api-problem-approval-needed = Нужно подтверждение другого администратора
api-problem-approval-needed-detail = Это действие подтверждает другой администратор.
approvals-col-number = Номер
approvals-col-what = Действие
approvals-col-subject = Объект
approvals-col-by = Просит
approvals-col-until = До
